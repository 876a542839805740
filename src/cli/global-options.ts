import type { OptionSpec } from './command.ts';
import { outputFormats } from './manner.ts';

/** Taken by every command, with one meaning. */
export const globalOptions: readonly OptionSpec[] = Object.freeze([
  {
    flag: 'output',
    short: 'o',
    placeholder: 'FORMAT',
    summary: 'table for people or json for programs',
    choices: outputFormats,
    environment: 'LOOM_OUTPUT',
    fallbackText: 'table',
  },
  {
    flag: 'config',
    placeholder: 'FILE',
    summary: 'settings file, in place of ./loom.json and $XDG_CONFIG_HOME/loom/loom.json',
    environment: 'LOOM_CONFIG',
    path: true,
  },
  { flag: 'no-color', summary: 'plain text', environment: 'NO_COLOR' },
  { flag: 'debug', summary: 'the stack with every error', environment: 'LOOM_DEBUG' },
]);

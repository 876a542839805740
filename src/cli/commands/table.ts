import type { Command } from '../command.ts';
import { completion } from './completion.ts';
import { configExplain } from './config-explain.ts';
import { explain } from './explain.ts';
import { help } from './help.ts';
import { version } from './version.ts';

/** Every command, in the order in which help shows them. A new one is a file beside this one and a line here. */
export const commandTable: readonly Command[] = Object.freeze([
  configExplain,
  explain,
  completion,
  version,
  help,
]);

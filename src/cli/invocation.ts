import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { findSettingsFiles } from '../config/files.ts';
import type { ResolvedSettings } from '../config/load.ts';
import { nearMiss } from '../config/near-miss.ts';
import { quote } from '../config/quote.ts';
import { settingTable } from '../config/setting-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Call, Command } from './command.ts';
import { globalOptions } from './global-options.ts';
import type { Io } from './io.ts';
import { isSet } from './manner.ts';
import type { Output } from './output.ts';
import type { Parsed } from './parse.ts';

/** A parsed command line as the call that its command gets. INVALID_OPTION when a value is none of its choices. */
export function createCall(
  parsed: Extract<Parsed, { kind: 'run' }>,
  io: Io,
  output: Output,
  commands: readonly Command[],
): Call {
  const { command, words, flags } = parsed;
  const options = [...globalOptions, ...command.options];
  let settings: Promise<ResolvedSettings> | undefined;

  const wordsOf = (name: string): readonly string[] =>
    words.get(name) ?? undeclared(command, `argument ${name}`);
  const text = (flag: string): string | undefined => {
    const option = options.find((one) => one.flag === flag) ?? undeclared(command, `option --${flag}`);
    const given = flags.get(flag);
    if (given !== undefined) return given === true ? undefined : given;
    const variable = option.environment === undefined ? undefined : io.environment[option.environment];
    return isSet(variable) ? variable : undefined;
  };
  const given = (flag: string): boolean => flags.has(flag) || text(flag) !== undefined;

  for (const { flag, choices, environment } of options) {
    if (choices === undefined) continue;
    const source = flags.has(flag) || environment === undefined ? `--${flag}` : environment;
    refuseOther(source, text(flag), choices);
  }
  for (const { name, choices, strict } of command.arguments) {
    if (choices !== undefined && strict === true)
      for (const word of wordsOf(name)) refuseOther(name, word, choices);
  }

  return {
    io,
    output,
    commands,
    argument: (name) => wordsOf(name)[0] ?? undeclared(command, `required argument ${name}`),
    optionalArgument: (name) => wordsOf(name)[0],
    variadicArgument: wordsOf,
    text,
    given,
    settings: () => {
      settings ??= resolveSettings(command, flags, io, text('config'));
      return settings;
    },
  };
}

async function resolveSettings(
  command: Command,
  flags: ReadonlyMap<string, string | true>,
  io: Io,
  explicit: string | undefined,
): Promise<ResolvedSettings> {
  const given = command.settings.flatMap((name) => {
    const value = flags.get(settingTable[name].flag);
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  const xdg = io.environment['XDG_CONFIG_HOME'];
  const configHome = xdg !== undefined && isAbsolute(xdg) ? xdg : join(io.home, '.config');
  // Not at the top: loading zod takes longer than all the rest of a short command.
  const { loadSettings } = await import('../config/load.ts');
  return loadSettings({
    flags: Object.fromEntries(given),
    environment: io.environment,
    files: findSettingsFiles({ explicit, cwd: io.cwd, configHome, readText: readTextIfAny }),
    cwd: io.cwd,
    home: io.home,
  });
}

function readTextIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new LoomError(
      code === 'EACCES' ? 'DISK_DENIED' : 'DISK_IO',
      `the settings file cannot be read: ${why}`,
      {
        cause: error,
        details: { path },
      },
    );
  }
}

function refuseOther(source: string, value: string | undefined, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value)) return;
  const meant = nearMiss(value, choices);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new LoomError(
    'INVALID_OPTION',
    `${source} is ${quote(value)}, which is none of ${choices.join(', ')}${hint}`,
    {
      details: { option: source, value },
    },
  );
}

function undeclared(command: Command, what: string): never {
  throw new LoomError(
    'INTERNAL',
    `the command ${command.name} asks for its ${what}, which it does not declare`,
  );
}

import type { ArgumentSpec, Command, OptionSpec } from '../command.ts';
import { globalOptions } from '../global-options.ts';
import { settingOption } from '../setting-option.ts';

/** A place in the command line after which completion offers something: `` (loom itself), `config`, `config explain`. */
export interface Place {
  readonly path: string;
  readonly commands: readonly Offer[];
  readonly options: readonly OptionSpec[];
  readonly arguments: readonly ArgumentSpec[];
}

interface Offer {
  readonly word: string;
  readonly summary: string;
}

const helpOption: OptionSpec = { flag: 'help', short: 'h', summary: 'how the command is used' };

/** Every place of the command table, from which each shell's script is made. */
export function completionPlaces(commands: readonly Command[]): readonly Place[] {
  const groups = new Set<string>(['']);
  for (const { name } of commands) {
    const words = name.split(' ');
    for (let depth = 1; depth < words.length; depth++) groups.add(words.slice(0, depth).join(' '));
  }
  const groupPlaces = [...groups].map(
    (path): Place => ({
      path,
      commands: offersBelow(path, commands),
      options: [...globalOptions, helpOption],
      arguments: [],
    }),
  );
  const commandPlaces = commands.map(
    (command): Place => ({
      path: command.name,
      commands: [],
      options: [...command.options, ...command.settings.map(settingOption), ...globalOptions, helpOption],
      arguments: command.arguments,
    }),
  );
  return [...groupPlaces, ...commandPlaces];
}

function offersBelow(path: string, commands: readonly Command[]): readonly Offer[] {
  const offers = new Map<string, string>();
  for (const { name, summary } of commands) {
    if (path !== '' && !name.startsWith(`${path} `)) continue;
    const [word = '', ...rest] = name.slice(path === '' ? 0 : path.length + 1).split(' ');
    if (!offers.has(word)) offers.set(word, rest.length === 0 ? summary : `${word} commands`);
  }
  return [...offers].map(([word, summary]) => ({ word, summary }));
}

/** `-o` and `--output`. */
export function optionNames({ flag, short }: OptionSpec): readonly string[] {
  return short === undefined ? [`--${flag}`] : [`-${short}`, `--${flag}`];
}

/** Words that stand for themselves between single quotes in any of the shells. */
export function single(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}

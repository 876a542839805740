import { CommanderError, type OptionValues, Command as Parser } from 'commander';
import type { ArgumentSpec, Command, OptionSpec } from './command.ts';
import { globalOptions } from './global-options.ts';
import { commandHelp, groupHelp } from './help-page.ts';
import { settingOption } from './setting-option.ts';
import { usageError } from './usage-error.ts';

/** What a command line asks for: a text to print, or a command to run with what was typed. */
export type Parsed =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly command: Command;
      /** By argument name; all words of a variadic one. */
      readonly words: ReadonlyMap<string, readonly string[]>;
      /** By flag without dashes; true for a flag without a value. */
      readonly flags: ReadonlyMap<string, string | true>;
    };

export interface ParseOptions {
  readonly columns: number;
  readonly version: string;
}

/** Parses a command line against the table. Throws a LoomError with exit code 2 for one that does not fit it. */
export function parseCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  options: ParseOptions,
): Parsed {
  let chosen: Parsed | undefined;
  let text = '';
  const choose = (command: Command, words: readonly unknown[], values: OptionValues): void => {
    chosen = { kind: 'run', command, words: namedWords(command, words), flags: givenFlags(command, values) };
  };
  const program = buildParser(commands, options, choose, (part) => {
    text += part;
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
    return { kind: 'text', text };
  }
  return chosen ?? { kind: 'text', text: groupHelp('', commands, options.columns) };
}

type Choose = (command: Command, words: readonly unknown[], values: OptionValues) => void;

function buildParser(
  commands: readonly Command[],
  options: ParseOptions,
  choose: Choose,
  write: (text: string) => void,
): Parser {
  const program = new Parser('loom');
  program.configureOutput({ writeOut: write, writeErr: write, outputError: () => undefined });
  program.version(`loom ${options.version}`, '-V, --version');
  for (const option of globalOptions) program.option(optionForm(option), option.summary);
  shape(program, groupContext('', commands), () => groupHelp('', commands, options.columns));
  const groups = new Map<string, Parser>([['', program]]);
  for (const command of commands) {
    const words = command.name.split(' ');
    let parent = program;
    for (let depth = 1; depth < words.length; depth++) {
      const name = words.slice(0, depth).join(' ');
      const group = groups.get(name) ?? addGroup(parent, name, commands, options, write);
      groups.set(name, group);
      parent = group;
    }
    addCommand(parent, command, options, choose);
  }
  return program;
}

function addGroup(
  parent: Parser,
  name: string,
  commands: readonly Command[],
  options: ParseOptions,
  write: (text: string) => void,
): Parser {
  const help = (): string => groupHelp(name, commands, options.columns);
  const group = parent.command(name.split(' ').at(-1) ?? name);
  shape(group, groupContext(name, commands), help);
  // Commander would treat a bare group as misuse; like bare `loom` it is a question.
  return group
    .action((_, self: Parser) => {
      const [word] = self.args;
      if (word !== undefined) self.error(`unknown command '${word}'`, { code: 'commander.unknownCommand' });
      write(help());
      throw new CommanderError(0, 'commander.help', '(outputHelp)');
    })
    .allowExcessArguments(true);
}

function addCommand(parent: Parser, command: Command, options: ParseOptions, choose: Choose): void {
  const parser = parent.command(command.name.split(' ').at(-1) ?? command.name);
  for (const argument of command.arguments) parser.argument(argumentForm(argument), argument.summary);
  for (const option of ownOptions(command)) parser.option(optionForm(option), option.summary);
  const flags = [...ownOptions(command), ...globalOptions].map(({ flag }) => `--${flag}`);
  shape(parser, { path: `loom ${command.name}`, commandWords: [], flags: [...flags, '--help'] }, () =>
    commandHelp(command, options.columns),
  );
  parser.action((...given: unknown[]) => choose(command, given.slice(0, -2), parser.optsWithGlobals()));
}

interface Shape {
  readonly path: string;
  readonly commandWords: readonly string[];
  readonly flags: readonly string[];
}

function shape(parser: Parser, context: Shape, help: () => string): void {
  parser.helpCommand(false).configureHelp({ formatHelp: help });
  parser.showSuggestionAfterError(false);
  parser.exitOverride((refusal) => {
    if (refusal.exitCode === 0 || refusal.code === 'commander.help')
      throw new CommanderError(0, refusal.code, refusal.message);
    throw usageError(refusal, context);
  });
}

function groupContext(name: string, commands: readonly Command[]): Shape {
  const below = commands.filter((command) => name === '' || command.name.startsWith(`${name} `));
  const words = below.map(
    (command) => command.name.slice(name === '' ? 0 : name.length + 1).split(' ')[0] ?? '',
  );
  return {
    path: name === '' ? 'loom' : `loom ${name}`,
    commandWords: [...new Set(words)],
    flags: [...globalOptions.map(({ flag }) => `--${flag}`), '--help', ...(name === '' ? ['--version'] : [])],
  };
}

/** All options of a command but the ones that every command has. */
function ownOptions(command: Command): readonly OptionSpec[] {
  return [...command.options, ...command.settings.map(settingOption)];
}

function optionForm({ flag, short, placeholder }: OptionSpec): string {
  return `${short === undefined ? '' : `-${short}, `}--${flag}${placeholder === undefined ? '' : ' <value>'}`;
}

function argumentForm({ name, required, variadic }: ArgumentSpec): string {
  const word = variadic === true ? `${name}...` : name;
  return required ? `<${word}>` : `[${word}]`;
}

function namedWords(command: Command, words: readonly unknown[]): ReadonlyMap<string, readonly string[]> {
  const pairs = command.arguments.map(({ name }, index): [string, readonly string[]] => {
    const word = words[index];
    if (word === undefined) return [name, []];
    return [name, Array.isArray(word) ? word.map(String) : [String(word)]];
  });
  return new Map(pairs);
}

function givenFlags(command: Command, values: OptionValues): ReadonlyMap<string, string | true> {
  const flags = new Map<string, string | true>();
  for (const { flag, placeholder } of [...ownOptions(command), ...globalOptions]) {
    // Commander keeps `--no-color` as color: false.
    const negated = flag.startsWith('no-');
    const key = flag
      .slice(negated ? 3 : 0)
      .replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value: unknown = values[key];
    if (placeholder === undefined ? value === !negated : value !== undefined) {
      flags.set(flag, placeholder === undefined ? true : String(value));
    }
  }
  return flags;
}

import type { CommanderError } from 'commander';
import { nearMiss } from '../config/near-miss.ts';
import { quote } from '../config/quote.ts';
import { LoomError } from '../ports/loom-error.ts';

/** What stood at the place where the parser gave up. */
export interface UsageContext {
  /** `loom config`, `loom status`. */
  readonly path: string;
  readonly commandWords: readonly string[];
  /** With their dashes. */
  readonly flags: readonly string[];
}

/** A refusal of the parser as a coded error that names the word, and the one that was probably meant. */
export function usageError(refusal: CommanderError, context: UsageContext): LoomError {
  const word = /'(.*)'/s.exec(refusal.message)?.[1] ?? '';
  switch (refusal.code) {
    case 'commander.unknownCommand':
      return unknown('UNKNOWN_COMMAND', word, `is no command of ${quotePath(context)}`, context.commandWords);
    case 'commander.unknownOption':
      return unknown('UNKNOWN_OPTION', word, `is no option of ${quotePath(context)}`, context.flags);
    case 'commander.missingArgument':
      return refuse('MISSING_ARGUMENT', `${quotePath(context)} needs <${word}>`, { argument: word });
    case 'commander.excessArguments':
      return refuse('EXCESS_ARGUMENT', refusal.message.replace(/^error: /, ''), {});
    case 'commander.optionMissingArgument':
      return refuse('INVALID_OPTION', `${optionName(word)} needs a value`, { option: optionName(word) });
    default:
      return refuse('INVALID_OPTION', refusal.message.replace(/^error: /, ''), {});
  }
}

function unknown(
  code: 'UNKNOWN_COMMAND' | 'UNKNOWN_OPTION',
  word: string,
  why: string,
  words: readonly string[],
): LoomError {
  // `--chunksize=1MiB`: what was meant is a name without its value.
  const [name = ''] = word.split('=');
  const meant = nearMiss(name, words);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return refuse(code, `${quote(name)} ${why}${hint}`, {
    word: name,
    ...(meant === undefined ? {} : { suggestion: meant }),
  });
}

function refuse(
  code: LoomError['code'],
  detail: string,
  details: Readonly<Record<string, string>>,
): LoomError {
  return new LoomError(code, detail, { details });
}

/** `--output` of `-o, --output <value>`. */
function optionName(form: string): string {
  return /--[a-z-]+/.exec(form)?.[0] ?? form;
}

function quotePath({ path }: UsageContext): string {
  return `\`${path}\``;
}

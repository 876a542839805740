import type { ResolvedSettings } from '../config/load.ts';
import type { SettingName } from '../config/settings.ts';
import type { Io } from './io.ts';
import type { Output } from './output.ts';

/** One command of the table: what help, completion and the parser need to know, and what it does. */
export interface Command {
  /** As it is typed after `loom`: `status`, `config explain`. */
  readonly name: string;
  /** One line, no full stop. */
  readonly summary: string;
  readonly examples: readonly Example[];
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Settings that it takes as flags; all settings reach it from environment, files and defaults anyway. */
  readonly settings: readonly SettingName[];
  /** Does it; answers the exit code when it is not 0. A LoomError that it throws gives its own. */
  readonly run: (call: Call) => Promise<number | undefined>;
}

interface Example {
  readonly line: string;
  readonly does: string;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  /** Takes all that is left; only the last one may. */
  readonly variadic?: boolean;
  /** Words that completion offers; anything else is still taken, unless `strict`. */
  readonly choices?: readonly string[];
  readonly strict?: boolean;
  /** Completion offers paths. */
  readonly path?: boolean;
}

/** `--<flag>`, with a value when it has a placeholder. */
export interface OptionSpec {
  readonly flag: string;
  readonly short?: string;
  readonly placeholder?: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  /** The variable that sets it when the flag is not given. */
  readonly environment?: string;
  readonly fallbackText?: string;
  readonly path?: boolean;
}

/** What a command is run with. Asking for a name that the command did not declare is INTERNAL. */
export interface Call {
  readonly io: Io;
  readonly output: Output;
  readonly commands: readonly Command[];
  /** A required argument. */
  argument(name: string): string;
  optionalArgument(name: string): string | undefined;
  variadicArgument(name: string): readonly string[];
  /** The value of an option: flag, then environment; undefined when neither is given. */
  text(flag: string): string | undefined;
  /** Whether an option without a value is given. */
  given(flag: string): boolean;
  /** Every setting, resolved at the first call. */
  settings(): Promise<ResolvedSettings>;
}

import type { Command } from './command.ts';
import { reportError } from './error-report.ts';
import { createCall } from './invocation.ts';
import { type Io, ReaderGone } from './io.ts';
import { readManner } from './manner.ts';
import { createOutput } from './output.ts';
import { parseCommandLine } from './parse.ts';
import { packageVersion } from './release.ts';

/** Runs one command line in the given surroundings; answers the exit code and never throws. */
export async function runCommandLine(
  argv: readonly string[],
  io: Io,
  commands: readonly Command[],
): Promise<number> {
  const manner = readManner(argv, io.environment);
  try {
    const parsed = parseCommandLine(argv, commands, { columns: io.columns, version: packageVersion() });
    if (parsed.kind === 'text') {
      io.stdout.write(parsed.text);
      return 0;
    }
    const exitCode = await parsed.command.run(createCall(parsed, io, createOutput(io, manner), commands));
    return io.signal.reason instanceof ReaderGone ? 0 : (exitCode ?? 0);
  } catch (error) {
    return reportError(error, io, manner);
  }
}

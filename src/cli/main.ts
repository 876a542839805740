import { commandTable } from './commands/table.ts';
import { attachProcess } from './process-io.ts';
import { runCommandLine } from './run.ts';

/** The command line: `argv` without node and script. Answers the exit code; the caller sets it and lets the loop end. */
export async function main(argv: readonly string[]): Promise<number> {
  const { io, detach } = attachProcess();
  try {
    return await runCommandLine(argv, io, commandTable);
  } finally {
    detach();
  }
}

import { Readable, Writable } from 'node:stream';
import type { Command } from '../../src/cli/command.ts';
import { commandTable } from '../../src/cli/commands/table.ts';
import type { Io } from '../../src/cli/io.ts';
import { runCommandLine } from '../../src/cli/run.ts';

/** What a command line said and how it ended. */
export interface Recorded {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An Io without a process; what is written is kept. */
export interface RecordedIo {
  readonly io: Io;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export function recordedIo(overrides: Partial<Io> = {}): RecordedIo {
  const out = collector();
  const err = collector();
  const io: Io = {
    stdin: Readable.from([]),
    stdout: out.stream,
    stderr: err.stream,
    stdoutIsTty: false,
    stderrIsTty: false,
    columns: 80,
    environment: {},
    cwd: '/nowhere/project',
    home: '/nowhere/home',
    signal: new AbortController().signal,
    monotonicMs: () => 0,
    ...overrides,
  };
  return { io, stdout: out.text, stderr: err.text };
}

/** Runs a command line in the process of the test. */
export async function record(
  argv: readonly string[],
  overrides: Partial<Io> = {},
  commands: readonly Command[] = commandTable,
): Promise<Recorded> {
  const { io, stdout, stderr } = recordedIo(overrides);
  const exitCode = await runCommandLine(argv, io, commands);
  return { exitCode, stdout: stdout(), stderr: stderr() };
}

function collector(): { readonly stream: Writable; readonly text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}

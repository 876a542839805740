import { homedir } from 'node:os';
import { LoomError } from '../ports/loom-error.ts';
import { type Io, ReaderGone } from './io.ts';

const columnsWithoutTerminal = 80;
/** 128 + SIGINT, as shells have it. */
const forcedExitCode = 130;

export interface ProcessIo {
  readonly io: Io;
  /** Takes its listeners off the process again. */
  readonly detach: () => void;
}

/**
 * The real process as an Io. The first Ctrl-C or SIGTERM aborts `io.signal` and says so; a second one ends the process
 * at once, whatever it is doing.
 */
export function attachProcess(): ProcessIo {
  const stop = new AbortController();
  const interrupt = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(forcedExitCode);
    if (process.stderr.isTTY) process.stderr.write('\nStopping. Press Ctrl-C again to end at once.\n');
    stop.abort(new LoomError('CANCELLED', `stopped by ${name}`, { details: { signal: name } }));
  };
  const brokenStdout = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    stop.abort(new ReaderGone());
  };
  const brokenStderr = (error: NodeJS.ErrnoException): void => {
    // Nobody reads our messages; the command goes on.
    if (error.code !== 'EPIPE') throw error;
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  process.stdout.on('error', brokenStdout);
  process.stderr.on('error', brokenStderr);
  return {
    io: {
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      stdoutIsTty: process.stdout.isTTY === true,
      stderrIsTty: process.stderr.isTTY === true,
      columns: process.stderr.columns ?? process.stdout.columns ?? columnsWithoutTerminal,
      environment: process.env,
      cwd: process.cwd(),
      home: homedir(),
      signal: stop.signal,
      monotonicMs: () => performance.now(),
    },
    // The streams keep their listeners: a pipe may break after the last command has returned.
    detach: () => void process.off('SIGINT', interrupt).off('SIGTERM', interrupt),
  };
}

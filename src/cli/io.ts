import type { Readable, Writable } from 'node:stream';

/** All that a command sees of the process it runs in, so that a test can run any command without one. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** The terminal's width; 80 when there is none. */
  readonly columns: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  /** Aborts at the first Ctrl-C or SIGTERM (reason: a LoomError CANCELLED), or when stdout's reader goes away. */
  readonly signal: AbortSignal;
  readonly monotonicMs: () => number;
}

/** Why the signal aborts when whoever read stdout has seen enough (`loom ls | head`): no error, nothing to say. */
export class ReaderGone extends Error {
  constructor() {
    super('the reader of stdout went away');
    this.name = 'ReaderGone';
  }
}

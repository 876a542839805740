import type { Io } from './io.ts';
import type { Manner } from './manner.ts';
import { createPaint, type Paint } from './paint.ts';
import { type Progress, type ProgressOptions, startProgress } from './progress.ts';

/** Where a command's words go: data to stdout, messages to stderr. */
export interface Output {
  /** Whether results are for programs: then there are no notes and no progress, so that stderr holds errors alone. */
  readonly json: boolean;
  /** For text that goes to stdout. */
  readonly paint: Paint;
  /** A result: the value as one line of JSON, or the text as it is. May be called more than once. */
  result(value: object, text: () => string): void;
  /** A message for people, one line, on stderr. */
  note(text: string): void;
  /** Progress of something long, on stderr. */
  progress(options: ProgressOptions): Progress;
}

const noProgress: Progress = Object.freeze({ update: () => undefined, end: () => undefined });

export function createOutput(io: Io, manner: Manner): Output {
  const json = manner.format === 'json';
  return {
    json,
    paint: createPaint(manner.color && io.stdoutIsTty),
    result: (value, text) => void io.stdout.write(json ? `${JSON.stringify(value)}\n` : text()),
    note: (text) => {
      if (!json) io.stderr.write(`${text}\n`);
    },
    progress: (options) => {
      if (json) return noProgress;
      const live = io.stderrIsTty && io.environment['TERM'] !== 'dumb';
      const write = (text: string): void => void io.stderr.write(text);
      return startProgress({ write, live, columns: io.columns, monotonicMs: io.monotonicMs }, options);
    },
  };
}

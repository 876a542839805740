import { formatDuration } from '../config/duration.ts';
import { printable } from './printable.ts';

/** How far a long command is. Where nobody looks at it, it says so with a line now and then. */
export interface Progress {
  /** `total` is undefined as long as it is not known. Draws when it is time to; cheap to call often. */
  update(done: number, total: number | undefined): void;
  /** Takes the bar away. */
  end(): void;
}

export interface ProgressOptions {
  /** A verb in the -ing form: `Ingesting`. */
  readonly label: string;
  readonly format: (amount: number) => string;
}

export interface ProgressScreen {
  readonly write: (text: string) => void;
  /** A terminal, where a line can be drawn again. */
  readonly live: boolean;
  readonly columns: number;
  readonly monotonicMs: () => number;
}

const liveIntervalMs = 100;
const plainIntervalMs = 5_000;
const barColumns = 24;
const eraseLine = '\r\u001b[2K';

/** A bar drawn again at most ten times a second on a terminal, a line every five seconds elsewhere. */
export function startProgress(screen: ProgressScreen, options: ProgressOptions): Progress {
  const startedMs = screen.monotonicMs();
  // On a terminal something stands there at once; elsewhere a short command says nothing.
  let dueMs = screen.live ? startedMs : startedMs + plainIntervalMs;
  let drawn = false;
  return {
    update(done, total) {
      const nowMs = screen.monotonicMs();
      if (nowMs < dueMs) return;
      dueMs = nowMs + (screen.live ? liveIntervalMs : plainIntervalMs);
      const text = describe(options, done, total, nowMs - startedMs, screen.live);
      // One column stays free: some terminals wrap when the last one is written.
      screen.write(screen.live ? eraseLine + text.slice(0, screen.columns - 1) : `${text}\n`);
      drawn = screen.live;
    },
    end() {
      if (drawn) screen.write(eraseLine);
      drawn = false;
    },
  };
}

function describe(
  options: ProgressOptions,
  done: number,
  total: number | undefined,
  elapsedMs: number,
  bar: boolean,
): string {
  const perSecond = elapsedMs > 0 ? (done * 1_000) / elapsedMs : 0;
  const speed = perSecond > 0 ? [`${options.format(Math.round(perSecond))}/s`] : [];
  const label = printable(options.label);
  if (total === undefined || total <= 0) return [`${label}  ${options.format(done)}`, ...speed].join('  ');
  const share = Math.min(1, done / total);
  const filled = Math.floor(share * barColumns);
  const left =
    perSecond > 0 && done < total ? [`${formatDuration(((total - done) / perSecond) * 1_000)} left`] : [];
  return [
    label,
    ...(bar ? [`[${'#'.repeat(filled)}${'-'.repeat(barColumns - filled)}]`] : []),
    `${Math.floor(share * 100)} %`,
    `${options.format(done)} of ${options.format(total)}`,
    ...speed,
    ...left,
  ].join('  ');
}

import { Worker } from 'node:worker_threads';
import { replayed } from './replayed.ts';
import type { SeedOrder } from './seed-order.ts';
import type { SeedReport } from './simulation.ts';
import { hashOfAll } from './trace.ts';
import type { Violation } from './violations.ts';

export interface RunOptions {
  readonly from: number;
  readonly seeds: number;
  /** Virtual minutes of each seed. */
  readonly minutes: number;
  readonly threads: number;
  /** Lines of the transcript that come with a violation; 0 for none. */
  readonly keptLines: number;
  readonly signal: AbortSignal;
  readonly monotonicMs: () => number;
  readonly progress: (done: number, seeds: number) => void;
}

/** What `loom sim -o json` prints, and what broke. */
export interface RunReport {
  readonly summary: RunSummary;
  readonly broken: readonly { readonly violation: Violation; readonly transcript: readonly string[] }[];
}

interface RunSummary {
  readonly seeds: number;
  readonly violations: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly virtualPerReal: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly traceHash: string;
}

/** One seed in so many is run twice. */
const twiceEvery = 20;

/** Runs seeds on worker threads. What comes out does not depend on how many there are. Rejects when aborted. */
export async function runSeeds(options: RunOptions): Promise<RunReport> {
  const { from, seeds, minutes, keptLines, threads, signal, monotonicMs, progress } = options;
  const startMs = monotonicMs();
  const reports = new Map<number, SeedReport>();
  let next = 0;
  const draw = (): SeedOrder | undefined => {
    if (next >= seeds) return undefined;
    const index = next++;
    return { seed: from + index, minutes, keptLines, twice: index % twiceEvery === 0 };
  };
  const take = (report: SeedReport): void => {
    reports.set(report.seed, report);
    progress(reports.size, seeds);
  };
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  try {
    await Promise.all(Array.from({ length: Math.min(threads, seeds) }, () => runSome(draw, take, either)));
  } finally {
    stop.abort();
  }
  signal.throwIfAborted();
  const inOrder = [...reports.values()].sort((a, b) => a.seed - b.seed);
  return {
    summary: summaryOf(inOrder, monotonicMs() - startMs),
    broken: inOrder.flatMap(({ violation, transcript }) =>
      violation === undefined ? [] : [{ violation, transcript }],
    ),
  };
}

/** A thread needs a built file as its entry; from sources the seeds run in this one. */
const runSome = import.meta.url.endsWith('.ts') ? runHere : runThread;

async function runHere(
  draw: () => SeedOrder | undefined,
  take: (report: SeedReport) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let order = draw(); order !== undefined && !signal.aborted; order = draw())
    take(await replayed(order));
}

/** One thread, until there are no seeds left. */
function runThread(
  draw: () => SeedOrder | undefined,
  take: (report: SeedReport) => void,
  signal: AbortSignal,
): Promise<void> {
  const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
  return new Promise<void>((resolve, reject) => {
    const stop = (): void => resolve();
    signal.addEventListener('abort', stop, { once: true });
    const step = (): void => {
      const order = signal.aborted ? undefined : draw();
      if (order === undefined) resolve();
      else worker.postMessage(order);
    };
    worker.on('message', (report: SeedReport) => {
      take(report);
      step();
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve());
    step();
  }).finally(() => worker.terminate());
}

function summaryOf(reports: readonly SeedReport[], tookMs: number): RunSummary {
  const faults: Record<string, number> = {};
  let events = 0;
  let virtualMs = 0;
  for (const report of reports) {
    events += report.events;
    virtualMs += report.virtualMs;
    for (const [kind, count] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  }
  const seconds = Math.max(tookMs, 1) / 1000;
  return {
    seeds: reports.length,
    violations: reports.filter(({ violation }) => violation !== undefined).length,
    events,
    eventsPerSecond: Math.round(events / seconds),
    virtualPerReal: Math.round(virtualMs / 1000 / seconds),
    faults,
    traceHash: hashOfAll(reports.map(({ hash }) => hash)),
  };
}

import { parseCount } from '../../config/count.ts';
import { formatDuration } from '../../config/duration.ts';
import type { RunReport } from '../../sim/run.ts';
import type { Call, Command } from '../command.ts';
import { commandWord } from '../command-word.ts';

const usualSeeds = 20;
const usualMinutes = 10;
const usualThreads = 2;
/** Lines of the transcript before a violation that `--trace` shows. */
const tracedLines = 400;
const brokenExitCode = 1;

/** `loom sim`: whole clusters with virtual time and injected faults, one a seed, held to the product's promises. */
export const sim: Command = {
  name: 'sim',
  summary: 'Simulate whole clusters under faults and check every promise',
  examples: [
    { line: 'loom sim --seeds 200', does: '200 clusters of 10 virtual minutes each' },
    { line: 'loom sim --from 17 --seeds 1 --trace', does: 'replay seed 17 and show what led to a violation' },
  ],
  arguments: [],
  options: [
    { flag: 'seeds', placeholder: 'N', summary: 'how many seeds', fallbackText: String(usualSeeds) },
    { flag: 'from', placeholder: 'SEED', summary: 'the first seed', fallbackText: '1' },
    {
      flag: 'minutes',
      placeholder: 'N',
      summary: 'virtual minutes of each seed',
      fallbackText: String(usualMinutes),
    },
    { flag: 'threads', placeholder: 'N', summary: 'worker threads', fallbackText: String(usualThreads) },
    { flag: 'trace', summary: `show the last ${tracedLines} lines of the transcript of a violation` },
  ],
  settings: [],
  run: async (call) => {
    const { io, output } = call;
    const count = (flag: string, fallback: number, max: number): number =>
      parseCount(call.text(flag) ?? String(fallback), `--${flag}`, { min: 1, max });
    const seeds = count('seeds', usualSeeds, 1_000_000);
    const from = count('from', 1, 2 ** 32 - 1_000_001);
    const minutes = count('minutes', usualMinutes, 10_000);
    const threads = count('threads', usualThreads, 64);
    const { runSeeds } = await import('../../sim/run.ts');
    const progress = output.progress({ label: 'Simulating', format: (done) => `${done} seeds` });
    const startMs = io.monotonicMs();
    let report: RunReport;
    try {
      report = await runSeeds({
        ...{ from, seeds, minutes, threads, signal: io.signal, monotonicMs: io.monotonicMs },
        keptLines: call.given('trace') ? tracedLines : 0,
        progress: (done, of) => progress.update(done, of),
      });
    } finally {
      progress.end();
    }
    for (const { violation, transcript } of report.broken) {
      const replay = `${commandWord(io.environment)} sim --from ${violation.seed} --seeds 1 --minutes ${minutes} --trace`;
      for (const line of transcript) io.stderr.write(`${line}\n`);
      io.stderr.write(
        `seed ${violation.seed} broke ${violation.promise} at ${(violation.atMs / 1000).toFixed(3)} s: ${violation.message}\n  replay: ${replay}\n`,
      );
    }
    const tookMs = io.monotonicMs() - startMs;
    output.result(report.summary, () => summary(call, report, tookMs));
    return report.broken.length === 0 ? undefined : brokenExitCode;
  },
};

function summary({ output }: Call, { summary: run }: RunReport, tookMs: number): string {
  const kinds = Object.entries(run.faults).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `${run.seeds} seeds in ${formatDuration(tookMs)}: ${run.events} events, ${run.eventsPerSecond} a second, ${run.virtualPerReal} virtual seconds a second`,
    `faults: ${kinds.map(([kind, count]) => `${kind} ${count}`).join(', ')}`,
    `trace ${output.paint.bold(run.traceHash)}`,
    `${run.seeds - run.violations} passed, ${run.violations} failed`,
    '',
  ].join('\n');
}

import { describe, expect, it } from 'vitest';
import { microtaskDrain } from '../../src/sim/drain-microtasks.ts';
import { replayed } from '../../src/sim/replayed.ts';
import { runSeeds } from '../../src/sim/run.ts';
import { simulate } from '../../src/sim/simulation.ts';
import { hashOfAll, Trace } from '../../src/sim/trace.ts';

const longMs = 60_000;

describe('a simulated cluster', () => {
  it('keeps every promise for two minutes of faults, and does real work meanwhile', {
    timeout: longMs,
  }, async () => {
    const report = await simulate({ seed: 11, minutes: 2, keptLines: 0 });
    expect(report.violation).toBeUndefined();
    expect(report.virtualMs).toBeGreaterThanOrEqual(120_000);
    expect(report.events).toBeGreaterThan(5000);
    expect(report.ends['job done']).toBeGreaterThan(2);
    expect(report.ends['read back']).toBeGreaterThan(2);
    expect(report.ends['chunks done']).toBeGreaterThan(5);
    expect(report.ends['effects acknowledged']).toBeGreaterThan(50);
    expect(report.ends['handled']).toBeGreaterThan(200);
    const begun = Object.values(report.faults).filter((count) => count > 0);
    expect(begun.length).toBeGreaterThan(6);
  });

  it('runs the same for one seed, with a transcript or without, and otherwise for another', {
    timeout: longMs,
  }, async () => {
    const one = await simulate({ seed: 3, minutes: 1, keptLines: 0 });
    const again = await simulate({ seed: 3, minutes: 1, keptLines: 50 });
    const other = await simulate({ seed: 4, minutes: 1, keptLines: 0 });
    expect(again.hash).toBe(one.hash);
    expect(again.events).toBe(one.events);
    expect(one.transcript).toEqual([]);
    expect(again.transcript).toHaveLength(50);
    expect(other.hash).not.toBe(one.hash);
    const twice = await replayed({ seed: 3, minutes: 1, keptLines: 0, twice: true });
    expect(twice).toMatchObject({ hash: one.hash, violation: undefined, events: 2 * one.events });
  });
});

describe('a run of seeds', () => {
  it('sums them up, and does not depend on threads', { timeout: longMs }, async () => {
    const progress: number[] = [];
    const { summary, broken } = await runSeeds({
      ...{ from: 5, seeds: 2, minutes: 1, threads: 2, keptLines: 0 },
      signal: new AbortController().signal,
      monotonicMs: () => performance.now(),
      progress: (done) => progress.push(done),
    });
    expect(broken).toEqual([]);
    expect(progress).toEqual([1, 2]);
    expect(Object.keys(summary)).toEqual([
      'seeds',
      'violations',
      'events',
      'eventsPerSecond',
      'virtualPerReal',
      'faults',
      'traceHash',
    ]);
    const hashes: string[] = [];
    for (const seed of [5, 6]) hashes.push((await simulate({ seed, minutes: 1, keptLines: 0 })).hash);
    expect(summary).toMatchObject({ seeds: 2, violations: 0, traceHash: hashOfAll(hashes) });
  });

  it('ends when it is aborted', async () => {
    const run = runSeeds({
      ...{ from: 1, seeds: 1000, minutes: 10, threads: 1, keptLines: 0 },
      signal: AbortSignal.abort(new Error('enough')),
      monotonicMs: () => 0,
      progress: () => undefined,
    });
    await expect(run).rejects.toThrow('enough');
  });
});

describe('the trace', () => {
  it('changes with everything that is told, and with its order', () => {
    const hashOf = (...lines: readonly string[]): string => {
      const trace = new Trace(() => 1, 0);
      for (const line of lines) trace.line(line);
      return trace.hash;
    };
    const hashes = [hashOf(), hashOf('a'), hashOf('b'), hashOf('a', 'b'), hashOf('b', 'a')];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashOf('a', 'b')).toBe(hashOf('a', 'b'));
  });

  it('keeps the last lines', () => {
    const trace = new Trace(() => 1.5, 3);
    for (let i = 0; i < 20; i++) trace.line(`line ${i}`);
    expect(trace.transcript).toEqual([
      '       1.500  line 17',
      '       1.500  line 18',
      '       1.500  line 19',
    ]);
  });
});

describe('draining microtasks', () => {
  it('ends only when chains of them have ended, over many batches', async () => {
    const drain = microtaskDrain();
    for (let round = 0; round < 1000; round++) {
      let steps = 0;
      const chain = async (): Promise<void> => {
        for (; steps < 50; steps++) await Promise.resolve();
      };
      void chain();
      await drain();
      expect(steps).toBe(50);
    }
  });
});

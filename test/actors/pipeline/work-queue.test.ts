import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChunkRecord, FailureKind } from '../../../src/actors/pipeline/messages.ts';
import { WorkQueue, workPolicy } from '../../../src/actors/pipeline/work-queue.ts';

function waiting(count: number): ChunkRecord[] {
  return Array.from({ length: count }, () => ({ state: 'waiting', failures: 0, losses: 0, tried: [] }));
}

const nodes = ['a', 'b', 'c'];

describe('Q1: one live lease a chunk', () => {
  test('a leased chunk is not given again until its lease ends', () => {
    const queue = new WorkQueue(waiting(1), workPolicy);
    const index = queue.next('a', nodes, 0) as number;
    const lease = queue.grant(index, 'a', 0);
    expect(queue.next('b', nodes, 0)).toBeUndefined();
    expect(queue.holds(index, lease.attempt)).toBe(true);
    queue.failed(index, 'lost', 'gone', 0, 0);
    expect(queue.holds(index, lease.attempt)).toBe(false);
    expect(queue.next('b', nodes, 0)).toBe(index);
  });

  test('a lease that is not renewed is listed as expired, a renewed one is not', () => {
    const queue = new WorkQueue(waiting(2), workPolicy);
    const first = queue.grant(0, 'a', 0);
    queue.grant(1, 'b', 0);
    expect(queue.renew(0, first.attempt, 3000)).toBe(true);
    expect(queue.expired(workPolicy.leaseMs).map(({ index }) => index)).toEqual([1]);
    expect(queue.renew(0, first.attempt + 100, 3000)).toBe(false);
  });
});

describe('Q2: what quarantines', () => {
  test.each([
    ['transform', workPolicy.maxFailures],
    ['lost', workPolicy.maxLosses],
  ] as const)('%s after %i tries', (kind, limit) => {
    const queue = new WorkQueue(waiting(1), workPolicy);
    for (let i = 1; i <= limit; i++) {
      queue.grant(0, `n${i}`, 0);
      queue.failed(0, kind, 'why', 0, 0);
      expect(queue.record(0).state).toBe(i === limit ? 'quarantined' : 'waiting');
    }
    expect(queue.over).toBe(true);
    expect(queue.record(0).reason).toBe('why');
  });

  test('a source that is away counts as nothing, and waits', () => {
    const queue = new WorkQueue(waiting(1), workPolicy);
    for (let i = 0; i < 50; i++) {
      queue.grant(0, 'a', 0);
      expect(queue.failed(0, 'source-unreachable', 'away', 0, 0).durable).toBe(false);
    }
    expect(queue.record(0)).toEqual({ state: 'waiting', failures: 0, losses: 0, tried: [] });
    expect(queue.next('a', nodes, 0)).toBeUndefined();
    expect(queue.next('a', nodes, workPolicy.sourceRetryMs)).toBe(0);
  });
});

describe('Q3: who may try', () => {
  test('not who has tried, while another has not', () => {
    const queue = new WorkQueue(waiting(1), workPolicy);
    queue.grant(0, 'a', 0);
    queue.failed(0, 'lost', '', 0, 0);
    expect(queue.next('a', nodes, 0)).toBeUndefined();
    expect(queue.next('b', nodes, 0)).toBe(0);
    expect(queue.next('a', ['a'], 0)).toBe(0);
  });

  test('a chunk that cannot be tried does not hide the ones behind it', () => {
    const queue = new WorkQueue(waiting(2), workPolicy);
    queue.grant(0, 'a', 0);
    queue.failed(0, 'lost', '', 0, 1);
    expect(queue.next('b', nodes, 0)).toBe(1);
  });
});

test('any run of tries ends with each chunk done or quarantined once, and attempts only grow (Q1, Q2, Q4)', () => {
  const outcomes = fc.array(
    fc.record({
      node: fc.constantFrom(...nodes),
      end: fc.constantFrom<FailureKind | 'complete'>('complete', 'transform', 'lost', 'source-unreachable'),
      random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    }),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 12 }), outcomes, (count, steps) => {
      const queue = new WorkQueue(waiting(count), workPolicy);
      let nowMs = 0;
      let lastAttempt = 0;
      for (const step of steps) {
        nowMs += 10_000;
        const index = queue.next(step.node, nodes, nowMs);
        if (index === undefined) continue;
        expect(queue.record(index).state).toBe('waiting');
        const { attempt } = queue.grant(index, step.node, nowMs);
        expect(attempt).toBeGreaterThan(lastAttempt);
        lastAttempt = attempt;
        if (step.end === 'complete') queue.completed(index, { ...queue.record(index), state: 'done' });
        else queue.failed(index, step.end, 'x', nowMs, step.random);
      }
      const states = queue.records.map(({ state }) => state);
      expect(queue.doneCount).toBe(states.filter((state) => state === 'done').length);
      expect(queue.quarantinedCount).toBe(states.filter((state) => state === 'quarantined').length);
      expect(queue.over).toBe(!states.includes('waiting'));
    }),
  );
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  backoffMs,
  type ChildEnd,
  decide,
  type RestartOptions,
  type RestartRecord,
  type SupervisionOptions,
} from '../../../src/runtime/supervision.ts';

const backoff = fc
  .record({
    minMs: fc.double({ min: 0, max: 1000, noNaN: true }),
    more: fc.double({ min: 0, max: 10_000, noNaN: true }),
    factor: fc.double({ min: 1, max: 10, noNaN: true }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ minMs, more, factor, jitter }) => ({ minMs, maxMs: minMs + more, factor, jitter }));
const restart: fc.Arbitrary<RestartOptions> = fc.record({
  type: fc.constantFrom('permanent', 'transient', 'temporary'),
  backoff,
});
const supervision: fc.Arbitrary<SupervisionOptions> = fc.record({
  strategy: fc.constantFrom('one-for-one', 'all-for-one', 'rest-for-one'),
  maxRestarts: fc.nat(6),
  withinMs: fc.integer({ min: 1, max: 2000 }),
});
const end: fc.Arbitrary<ChildEnd> = fc.oneof(
  fc.constant<ChildEnd>({ kind: 'stopped' }),
  fc
    .constantFrom('resume', 'restart', 'stop', 'escalate')
    .map((directive): ChildEnd => ({ kind: 'failed', directive })),
);
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const step = fc.record({ afterMs: fc.nat(500), child: fc.constantFrom('a', 'b', 'c'), end, random });

it('never allows more than maxRestarts in any window, and escalates only then', () => {
  fc.assert(
    fc.property(supervision, restart, fc.array(step, { maxLength: 60 }), (spec, how, steps) => {
      let history: readonly RestartRecord[] = [];
      let nowMs = 0;
      const restarts: number[] = [];
      for (const { afterMs, child, end: ended, random: drawn } of steps) {
        nowMs += afterMs;
        const input = { end: ended, restart: how, supervision: spec, child, history, nowMs, random: drawn };
        const decision = decide(input);
        const inWindow = restarts.filter((at) => nowMs - at < spec.withinMs).length;
        const byType = how.type === 'permanent' || (how.type === 'transient' && ended.kind === 'failed');
        if (ended.kind === 'failed' && ended.directive !== 'restart') {
          expect(decision.kind).toBe(ended.directive);
        } else if (!byType) {
          expect(decision.kind).toBe('stop');
        } else {
          expect(decision.kind).toBe(inWindow < spec.maxRestarts ? 'restart' : 'escalate');
        }
        if (decision.kind !== 'restart') continue;
        history = decision.history;
        restarts.push(nowMs);
        expect(inWindow + 1).toBeLessThanOrEqual(spec.maxRestarts);
        expect(history.length).toBeLessThanOrEqual(spec.maxRestarts);
        expect(history.at(-1)).toEqual({ child, timeMs: nowMs });
      }
    }),
  );
});

it('the scope is the strategy’s', () => {
  const scopes = { 'one-for-one': 'child', 'all-for-one': 'all', 'rest-for-one': 'rest' } as const;
  fc.assert(
    fc.property(supervision, restart, random, (spec, how, drawn) => {
      const decision = decide({
        end: { kind: 'failed', directive: 'restart' },
        restart: { ...how, type: 'permanent' },
        supervision: { ...spec, maxRestarts: 1 },
        child: 'a',
        history: [],
        nowMs: 0,
        random: drawn,
      });
      expect(decision.kind === 'restart' && decision.scope).toBe(scopes[spec.strategy]);
    }),
  );
});

it('the delay stays between the jittered and the full delay, never above maxMs, and grows until there', () => {
  fc.assert(
    fc.property(backoff, fc.nat(200), random, (options, earlier, drawn) => {
      const full = backoffMs(options, earlier, 0);
      const delayMs = backoffMs(options, earlier, drawn);
      expect(full).toBeLessThanOrEqual(options.maxMs);
      expect(full).toBeGreaterThanOrEqual(Math.min(options.minMs, options.maxMs));
      expect(delayMs).toBeLessThanOrEqual(full);
      expect(delayMs).toBeGreaterThanOrEqual(full * (1 - options.jitter) - 1e-9);
      expect(backoffMs(options, earlier + 1, 0)).toBeGreaterThanOrEqual(full);
    }),
  );
});

it('is pure: the same input gives the same answer, and the history that it was given stays', () => {
  fc.assert(
    fc.property(supervision, restart, end, random, (spec, how, ended, drawn) => {
      const history = Object.freeze([Object.freeze({ child: 'a', timeMs: 0 })]);
      const input = {
        end: ended,
        restart: how,
        supervision: spec,
        child: 'a',
        history,
        nowMs: 5,
        random: drawn,
      };
      expect(decide(input)).toEqual(decide(input));
    }),
  );
});

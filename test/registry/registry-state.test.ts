import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDurable } from '../../src/registry/embedded/change.ts';
import { decodeChanges, encodeChanges } from '../../src/registry/embedded/change-codec.ts';
import {
  acquire,
  type Decision,
  type Epoch,
  endEpoch,
  join,
  release,
  setState,
  transact,
} from '../../src/registry/embedded/decisions.ts';
import { numberOf } from '../../src/registry/embedded/number.ts';
import { RegistryState } from '../../src/registry/embedded/registry-state.ts';
import { describeNode } from '../contract/registry-contract.ts';

const node = fc.constantFrom('a', 'b', 'c');
const key = fc.constantFrom('k1', 'k2', 'k3');

const step = fc.oneof(
  fc.record({ do: fc.constant('join' as const), node }),
  fc.record({ do: fc.constant('end' as const), node }),
  fc.record({ do: fc.constant('drain' as const), node }),
  fc.record({ do: fc.constant('acquire' as const), node, key }),
  fc.record({ do: fc.constant('release' as const), node, key }),
  fc.record({ do: fc.constant('set' as const), node, key }),
  fc.record({ do: fc.constant('delete' as const), node, key }),
  fc.record({ do: fc.constant('restart' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Runs steps on a state and keeps book of what was handed out, as an outsider sees it. */
class Bookkeeper {
  state = new RegistryState();
  epochs = new Map<string, Epoch>();
  tokens = new Map<string, number>();
  lastNumber = 0;
  lastRevision = 0;
  journal: Uint8Array[] = [];

  run(one: Step): void {
    if (one.do === 'restart') {
      this.state = this.replayed();
      this.epochs.clear();
      return;
    }
    if (one.do === 'join') {
      const epoch = this.apply(join(describeNode(one.node))(this.state));
      expect(epoch.epoch).toBeGreaterThan(this.lastNumber);
      this.lastNumber = epoch.epoch;
      this.epochs.set(one.node, epoch);
      return;
    }
    const of = this.epochs.get(one.node);
    if (of === undefined) return;
    switch (one.do) {
      case 'end':
        this.apply(endEpoch(of)(this.state));
        this.epochs.delete(one.node);
        return;
      case 'drain':
        this.apply(setState(of, 'draining')(this.state));
        return;
      case 'acquire': {
        const before = this.state.lease(one.key);
        const answer = this.apply(acquire(of, one.key, () => false)(this.state));
        if (answer.kind === 'held') return;
        if (before?.holderEpoch === of.epoch) {
          expect(answer.token).toBe(before.token);
          return;
        }
        expect(answer.token).toBeGreaterThan(this.lastNumber);
        this.lastNumber = answer.token;
        this.tokens.set(one.key, answer.token);
        return;
      }
      case 'release':
        this.apply(release(of, one.key, this.tokens.get(one.key) ?? 0)(this.state));
        return;
      case 'set':
      case 'delete': {
        const changes = this.state.value(one.key) !== undefined || one.do === 'set';
        const operation =
          one.do === 'set'
            ? ({ op: 'set', key: one.key, value: Uint8Array.of(7) } as const)
            : ({ op: 'delete', key: one.key } as const);
        const answer = this.apply(transact(of, [operation], undefined)(this.state));
        if (answer.kind !== 'applied') throw new Error(answer.kind);
        expect(answer.revision).toBe(this.lastRevision + (changes ? 1 : 0));
        this.lastRevision = answer.revision;
      }
    }
  }

  apply<A>({ answer, changes }: Decision<A>): A {
    for (const change of changes) this.state.evolve(change);
    const durable = changes.filter(isDurable);
    if (durable.length > 0) this.journal.push(encodeChanges(durable));
    return answer;
  }

  replayed(): RegistryState {
    const state = new RegistryState();
    for (const body of this.journal) for (const change of decodeChanges(body)) state.evolve(change);
    return state;
  }

  check(): void {
    const live = new Map(this.state.membersView().members.map((member) => [member.epoch, member.node]));
    for (const record of this.state.leases('')) {
      expect(record.token).toBe(this.tokens.get(record.key));
      if (record.holder !== undefined) expect(live.get(record.holderEpoch)).toBe(record.holder);
    }
    expect(durablePart(this.state)).toEqual(durablePart(this.replayed()));
    const copied = new RegistryState();
    for (const change of this.state.snapshot()) copied.evolve(change);
    expect(durablePart(copied)).toEqual(durablePart(this.state));
    expect(copied.liveBytes).toBe(this.state.liveBytes);
  }
}

function durablePart(state: RegistryState): unknown {
  const tokens = state.leases('').map((record) => [record.key, record.token]);
  return { counters: state.counters, tokens, values: state.values('') };
}

describe('registry state', () => {
  it('keeps its promises under any calls and restarts (R1-R4, S2-S4)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const book = new Bookkeeper();
        for (const one of steps) book.run(one);
        book.check();
      }),
      { numRuns: 300 },
    );
  });

  it('puts the generation above every index', () => {
    expect(numberOf(1, 1)).toBeGreaterThan(numberOf(0, 2 ** 40 - 1));
    expect(Number.isSafeInteger(numberOf(2 ** 13 - 1, 2 ** 40 - 1))).toBe(true);
  });
});

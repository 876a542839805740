import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/ports/error-table.ts';
import { LoomError } from '../../src/ports/loom-error.ts';
import {
  type KeyValue,
  type LeaseAnswer,
  type MemberDescription,
  type MembersView,
  maxRegistryKeyBytes,
  maxRegistryOperations,
  maxRegistryValueBytes,
  type Registry,
  type RegistryHandle,
} from '../../src/ports/registry.ts';

/** What a suite needs of an implementation. Nothing here assumes that time is virtual or that answers are prompt. */
export interface RegistryUnderTest {
  readonly registry: Registry;
  /** An epoch that is not renewed must have ended after this many milliseconds. */
  readonly expiryWithinMs: number;
  /** Lets time pass. */
  advance(ms: number): Promise<void>;
  /** Waits for a call, letting pass whatever time it takes. */
  settle<T>(call: Promise<T>): Promise<T>;
  /** Cuts the handle's node off from the registry (R6). */
  sever(handle: RegistryHandle): void;
  mend(handle: RegistryHandle): void;
  /** Ends the registry as a crash does and starts it again on what it had stored. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** The promises R1-R7 of the registry port, for every implementation. */
export function registryContract(name: string, open: () => Promise<RegistryUnderTest>): void {
  describe(`registry contract: ${name}`, () => {
    let under: RegistryUnderTest;

    beforeEach(async () => {
      under = await open();
    });

    afterEach(async () => {
      await under.close();
    });

    const settle = <T>(call: Promise<T>): Promise<T> => under.settle(call);
    const join = (node: string): Promise<RegistryHandle> => settle(under.registry.join(describeNode(node)));

    async function until(
      condition: () => boolean | Promise<boolean>,
      withinMs = under.expiryWithinMs * 2,
    ): Promise<void> {
      const stepMs = withinMs / 200;
      for (let passedMs = 0; passedMs <= withinMs; passedMs += stepMs) {
        if (await condition()) return;
        await under.advance(stepMs);
      }
      throw new Error(`not so within ${withinMs} ms: ${condition.toString()}`);
    }

    /** Lets `ms` pass while these handles renew, as living nodes do. */
    async function live(ms: number, ...handles: RegistryHandle[]): Promise<void> {
      const stepMs = Math.min(...handles.map((handle) => handle.ttlMs)) / 6;
      for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
        await under.advance(stepMs);
        await settle(Promise.all(handles.map((handle) => handle.renew())));
      }
    }

    async function untilWhileLiving(
      condition: () => boolean | Promise<boolean>,
      ...handles: RegistryHandle[]
    ): Promise<void> {
      const withinMs = under.expiryWithinMs * 2;
      const stepMs = Math.min(...handles.map((handle) => handle.ttlMs)) / 6;
      for (let passedMs = 0; passedMs <= withinMs; passedMs += stepMs) {
        if (await condition()) return;
        await live(stepMs, ...handles);
      }
      throw new Error(`not so within ${withinMs} ms: ${condition.toString()}`);
    }

    async function refusedWith(code: ErrorCode, call: Promise<unknown>): Promise<void> {
      const thrown = await settle(
        call.then(
          () => undefined,
          (error: unknown) => error,
        ),
      );
      expect(thrown).toBeInstanceOf(LoomError);
      expect((thrown as LoomError).code).toBe(code);
    }

    async function granted(handle: RegistryHandle, key: string): Promise<number> {
      const answer = await settle(handle.acquire(key));
      if (answer.kind !== 'granted') throw new Error(`${key} is held by ${answer.byNode}`);
      return answer.token;
    }

    async function set(
      handle: RegistryHandle,
      key: string,
      text: string,
      ifRevision?: number,
    ): Promise<number> {
      const value = encode(text);
      const operation =
        ifRevision === undefined
          ? ({ op: 'set', key, value } as const)
          : ({ op: 'set', key, value, ifRevision } as const);
      const answer = await settle(handle.transact([operation]));
      if (answer.kind !== 'applied') throw new Error(`setting ${key}: ${answer.kind}`);
      return answer.revision;
    }

    async function textOf(handle: RegistryHandle, key: string): Promise<string | undefined> {
      const pair = await settle(handle.get(key));
      return pair === undefined ? undefined : decode(pair.value);
    }

    const nodesOf = (view: MembersView): string[] => view.members.map((member) => member.node);

    describe('members and epochs (R1)', () => {
      it('gives every join a larger epoch', async () => {
        const a = await join('a');
        const b = await join('b');
        const again = await join('a');
        await settle(b.leave());
        const bAgain = await join('b');
        expect([a.epoch, b.epoch, again.epoch, bAgain.epoch]).toEqual(
          [a.epoch, b.epoch, again.epoch, bAgain.epoch].toSorted((x, y) => x - y),
        );
        expect(new Set([a.epoch, b.epoch, again.epoch, bAgain.epoch]).size).toBe(4);
        expect(again.node).toBe('a');
      });

      it('shows living members with all that they said, sorted by node', async () => {
        const b = await join('b');
        const a = await join('a');
        const view = await settle(b.members());
        expect(view.members).toEqual([
          { ...describeNode('a'), epoch: a.epoch, state: 'ready' },
          { ...describeNode('b'), epoch: b.epoch, state: 'ready' },
        ]);
      });

      it('changes a member’s state', async () => {
        const a = await join('a');
        const before = await settle(a.members());
        await settle(a.setState('draining'));
        const after = await settle(a.members());
        expect(after.members[0]?.state).toBe('draining');
        expect(after.revision).toBeGreaterThan(before.revision);
      });

      it('keeps an epoch alive for as long as it is renewed', async () => {
        const a = await join('a');
        const token = await granted(a, 'k');
        await live(under.expiryWithinMs * 2, a);
        expect(nodesOf(await settle(a.members()))).toEqual(['a']);
        expect(await granted(a, 'k')).toBe(token);
      });

      it('ends an epoch that is not renewed, with its leases', async () => {
        const a = await join('a');
        const b = await join('b');
        const token = await granted(a, 'k');
        await untilWhileLiving(async () => !nodesOf(await settle(b.members())).includes('a'), b);
        expect(await granted(b, 'k')).toBeGreaterThan(token);
      });

      it('tells a frozen node that wakes that its epoch has ended', async () => {
        const frozen = await join('a');
        const b = await join('b');
        const token = await granted(frozen, 'k');
        await untilWhileLiving(async () => (await settle(b.acquire('k'))).kind === 'granted', b);
        await refusedWith('EPOCH_ENDED', frozen.renew());
        await refusedWith('EPOCH_ENDED', frozen.acquire('other'));
        await refusedWith('EPOCH_ENDED', frozen.setState('draining'));
        await refusedWith('EPOCH_ENDED', frozen.transact([{ op: 'set', key: 'x', value: encode('1') }]));
        await refusedWith('EPOCH_ENDED', frozen.transact([], { key: 'k', token }));
        expect(await textOf(b, 'x')).toBeUndefined();
      });

      it('ends the old epoch when a node joins again, and frees its leases', async () => {
        const old = await join('a');
        const token = await granted(old, 'k');
        const young = await join('a');
        await refusedWith('EPOCH_ENDED', old.renew());
        await refusedWith('EPOCH_ENDED', old.acquire('k'));
        await refusedWith('EPOCH_ENDED', old.transact([{ op: 'set', key: 'x', value: encode('1') }]));
        await settle(young.renew());
        const view = await settle(young.members());
        expect(view.members.map((member) => member.epoch)).toEqual([young.epoch]);
        expect(await granted(young, 'k')).toBeGreaterThan(token);
        await settle(old.release('k', token));
        await settle(old.leave());
        expect(nodesOf(await settle(young.members()))).toEqual(['a']);
      });

      it('forgets a node that leaves at once, and leaving twice is harmless', async () => {
        const a = await join('a');
        const b = await join('b');
        const token = await granted(a, 'k');
        await settle(a.leave());
        await settle(a.leave());
        expect(nodesOf(await settle(b.members()))).toEqual(['b']);
        expect(await granted(b, 'k')).toBeGreaterThan(token);
        await refusedWith('EPOCH_ENDED', a.renew());
      });

      it('does not hear of a handle that is closed: its epoch ends by itself', async () => {
        const a = await join('a');
        const b = await join('b');
        await granted(a, 'k');
        a.close();
        a.close();
        await refusedWith('STALE_INCARNATION', a.renew());
        expect(nodesOf(await settle(b.members()))).toEqual(['a', 'b']);
        expect((await settle(b.acquire('k'))).kind).toBe('held');
        await untilWhileLiving(async () => nodesOf(await settle(b.members())).join() === 'b', b);
        expect((await settle(b.acquire('k'))).kind).toBe('granted');
      });
    });

    describe('leases and fencing tokens (R2, R3)', () => {
      it('answers the same token to its holder and names the holder to others', async () => {
        const a = await join('a');
        const b = await join('b');
        const token = await granted(a, 'k');
        expect(await granted(a, 'k')).toBe(token);
        expect(await settle(b.acquire('k'))).toEqual({ kind: 'held', byNode: 'a', token });
      });

      it('grants a lease to one of many that ask at once', async () => {
        const handles = await Promise.all(['a', 'b', 'c', 'd'].map(join));
        const answers: LeaseAnswer[] = await settle(
          Promise.all(handles.map((handle) => handle.acquire('k'))),
        );
        expect(answers.filter((answer) => answer.kind === 'granted')).toHaveLength(1);
        expect(new Set(answers.map((answer) => answer.token)).size).toBe(1);
      });

      it('gives a larger token after release, also to the same node', async () => {
        const a = await join('a');
        let last = 0;
        for (let i = 0; i < 5; i++) {
          const token = await granted(a, 'k');
          expect(token).toBeGreaterThan(last);
          last = token;
          await settle(a.release('k', token));
        }
      });

      it('ignores a release with a token that is not the holder’s', async () => {
        const a = await join('a');
        const b = await join('b');
        const old = await granted(a, 'k');
        await settle(a.release('k', old));
        const young = await granted(b, 'k');
        await settle(a.release('k', old));
        await settle(a.release('k', young));
        await settle(a.release('never taken', 1));
        expect(await settle(a.acquire('k'))).toEqual({ kind: 'held', byNode: 'b', token: young });
      });

      it('lists leases, held and free, with the last token', async () => {
        const a = await join('a');
        const one = await granted(a, 'shard/1');
        const two = await granted(a, 'shard/2');
        await granted(a, 'other');
        await settle(a.release('shard/2', two));
        expect(await settle(a.leases('shard/'))).toEqual([
          { key: 'shard/1', token: one, holder: 'a', holderEpoch: a.epoch },
          { key: 'shard/2', token: two, holder: undefined, holderEpoch: 0 },
        ]);
      });

      it('gives larger numbers after a restart of the registry', async () => {
        const before = await join('a');
        const token = await granted(before, 'k');
        await settle(before.setState('draining'));
        const lastView = await settle(before.members());
        await under.restart();
        const after = await join('a');
        expect(after.epoch).toBeGreaterThan(before.epoch);
        const view = await settle(after.members());
        expect(nodesOf(view)).toEqual(['a']);
        expect(view.revision).toBeGreaterThan(lastView.revision);
        await untilWhileLiving(async () => (await settle(after.acquire('k'))).kind === 'granted', after);
        expect(await granted(after, 'k')).toBeGreaterThan(token);
      });
    });

    describe('keys and values (R4)', () => {
      it('sets, gets, lists and deletes', async () => {
        const a = await join('a');
        expect(await settle(a.get('p/1'))).toBeUndefined();
        const second = await set(a, 'p/2', 'two');
        const first = await set(a, 'p/1', 'one');
        await set(a, 'q/1', 'other');
        expect(first).toBeGreaterThan(second);
        expect(plain(await settle(a.list('p/')))).toEqual([
          ['p/1', 'one', first],
          ['p/2', 'two', second],
        ]);
        expect((await settle(a.transact([{ op: 'delete', key: 'p/1' }]))).kind).toBe('applied');
        expect(await settle(a.get('p/1'))).toBeUndefined();
        expect((await settle(a.transact([{ op: 'delete', key: 'p/1' }]))).kind).toBe('applied');
        expect(plain(await settle(a.list('p/')))).toEqual([['p/2', 'two', second]]);
      });

      it('keeps empty values apart from missing ones, and any bytes as they are', async () => {
        const a = await join('a');
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
        await settle(
          a.transact([
            { op: 'set', key: 'empty', value: new Uint8Array(0) },
            { op: 'set', key: 'bytes', value: bytes },
          ]),
        );
        expect((await settle(a.get('empty')))?.value.length).toBe(0);
        expect((await settle(a.get('bytes')))?.value).toEqual(bytes);
      });

      it('copies a value when the call is made', async () => {
        const a = await join('a');
        const value = encode('mine');
        const call = a.transact([{ op: 'set', key: 'k', value }]);
        value.fill(0);
        await settle(call);
        expect(await textOf(a, 'k')).toBe('mine');
      });

      it('grows revisions over delete and recreate', async () => {
        const a = await join('a');
        const first = await set(a, 'k', '1');
        await settle(a.transact([{ op: 'delete', key: 'k', ifRevision: first }]));
        const second = await set(a, 'k', '1', 0);
        expect(second).toBeGreaterThan(first);
        expect(
          (await settle(a.transact([{ op: 'set', key: 'k', value: encode('2'), ifRevision: first }]))).kind,
        ).toBe('conflict');
      });

      it('sets by compare-and-set', async () => {
        const a = await join('a');
        const revision = await set(a, 'k', 'one', 0);
        const value = encode('two');
        expect(await settle(a.transact([{ op: 'set', key: 'k', value, ifRevision: 0 }]))).toEqual({
          kind: 'conflict',
          operation: 0,
        });
        expect((await settle(a.transact([{ op: 'set', key: 'k', value, ifRevision: revision }]))).kind).toBe(
          'applied',
        );
        expect(await settle(a.transact([{ op: 'delete', key: 'k', ifRevision: revision }]))).toEqual({
          kind: 'conflict',
          operation: 0,
        });
        expect(await textOf(a, 'k')).toBe('two');
      });

      it('applies all operations or none, and names the one that did not fit', async () => {
        const a = await join('a');
        const revision = await set(a, 'guard', 'g');
        const value = encode('v');
        const conflict = await settle(
          a.transact([
            { op: 'set', key: 'x', value },
            { op: 'check', key: 'guard', ifRevision: revision },
            { op: 'check', key: 'absent', ifRevision: revision },
            { op: 'set', key: 'y', value },
          ]),
        );
        expect(conflict).toEqual({ kind: 'conflict', operation: 2 });
        expect(await settle(a.get('x'))).toBeUndefined();
        const applied = await settle(
          a.transact([
            { op: 'set', key: 'x', value },
            { op: 'check', key: 'guard', ifRevision: revision },
            { op: 'check', key: 'absent', ifRevision: 0 },
            { op: 'delete', key: 'guard' },
          ]),
        );
        expect(applied.kind).toBe('applied');
        expect(plain(await settle(a.list('')))).toEqual([
          ['x', 'v', (applied as { revision: number }).revision],
        ]);
      });

      it('judges each operation on what the ones before it made', async () => {
        const a = await join('a');
        const revision = await set(a, 'x', 'old');
        const value = encode('new');
        const replaced = await settle(
          a.transact([
            { op: 'delete', key: 'x', ifRevision: revision },
            { op: 'check', key: 'x', ifRevision: 0 },
            { op: 'set', key: 'x', value, ifRevision: 0 },
          ]),
        );
        expect(replaced.kind).toBe('applied');
        expect(await textOf(a, 'x')).toBe('new');
        const twice = await settle(
          a.transact([
            { op: 'set', key: 'y', value },
            { op: 'set', key: 'y', value, ifRevision: 0 },
          ]),
        );
        expect(twice).toEqual({ kind: 'conflict', operation: 1 });
        expect(await settle(a.get('y'))).toBeUndefined();
      });

      it('lets one of many writers through for each revision', async () => {
        const handles = await Promise.all(['a', 'b', 'c'].map(join));
        const [first] = handles as [RegistryHandle];
        await set(first, 'counter', '0');
        let wins = 0;
        const increment = async (handle: RegistryHandle): Promise<void> => {
          for (let i = 0; i < 8; i++) {
            const pair = (await handle.get('counter')) as KeyValue;
            const value = encode(String(Number(decode(pair.value)) + 1));
            const answer = await handle.transact([
              { op: 'set', key: 'counter', value, ifRevision: pair.revision },
            ]);
            if (answer.kind === 'applied') wins++;
          }
        };
        await settle(Promise.all(handles.map(increment)));
        expect(await textOf(first, 'counter')).toBe(String(wins));
        expect(wins).toBeGreaterThan(0);
      });

      it('judges the lease in the same step', async () => {
        const a = await join('a');
        const b = await join('b');
        const token = await granted(a, 'k');
        const write = { op: 'set', key: 'x', value: encode('a') } as const;
        expect((await settle(a.transact([write], { key: 'k', token }))).kind).toBe('applied');
        expect(await settle(a.transact([write], { key: 'k', token: token - 1 }))).toEqual({
          kind: 'lease-lost',
        });
        expect(await settle(a.transact([write], { key: 'never', token }))).toEqual({ kind: 'lease-lost' });
        expect(await settle(b.transact([write], { key: 'k', token }))).toEqual({ kind: 'lease-lost' });
        await settle(a.release('k', token));
        expect(await settle(a.transact([write], { key: 'k', token }))).toEqual({ kind: 'lease-lost' });
        const young = await granted(b, 'k');
        expect(await settle(a.transact([write], { key: 'k', token }))).toEqual({ kind: 'lease-lost' });
        expect(await settle(a.transact([write], { key: 'k', token: young }))).toEqual({ kind: 'lease-lost' });
        expect((await settle(b.transact([], { key: 'k', token: young }))).kind).toBe('applied');
      });

      it('does not let a lease slip between a release and a transaction', async () => {
        const a = await join('a');
        const token = await granted(a, 'k');
        const calls = [
          a.transact([{ op: 'set', key: 'x', value: encode('before') }], { key: 'k', token }),
          a.release('k', token),
          a.transact([{ op: 'set', key: 'y', value: encode('after') }], { key: 'k', token }),
        ] as const;
        const [, , late] = await settle(Promise.all(calls));
        if (late.kind === 'applied') expect(await textOf(a, 'y')).toBe('after');
        else expect(await settle(a.get('y'))).toBeUndefined();
      });

      it('keeps values and revisions over a restart', async () => {
        const before = await join('a');
        const kept = await set(before, 'kept', 'here');
        const gone = await set(before, 'gone', 'soon');
        await settle(before.transact([{ op: 'delete', key: 'gone' }]));
        await under.restart();
        const after = await join('a');
        expect(plain(await settle(after.list('')))).toEqual([['kept', 'here', kept]]);
        expect(await set(after, 'gone', 'again', 0)).toBeGreaterThan(gone);
      });
    });

    describe('watches (R5)', () => {
      it('begins with the present members and tells of joins, states and leavings', async () => {
        const a = await join('a');
        const views: MembersView[] = [];
        a.watchMembers((view) => views.push(view));
        const last = (): MembersView | undefined => views.at(-1);
        await until(() => last() !== undefined);
        expect(nodesOf(last() as MembersView)).toEqual(['a']);
        const b = await join('b');
        await until(() => last()?.members.length === 2);
        await settle(b.setState('draining'));
        await until(() => last()?.members[1]?.state === 'draining');
        await settle(b.leave());
        await until(() => last()?.members.length === 1);
        expect(
          views.every((view, i) => i === 0 || view.revision > (views[i - 1] as MembersView).revision),
        ).toBe(true);
      });

      it('tells of members whose epoch expires', async () => {
        const a = await join('a');
        await join('b');
        let nodes: string[] = [];
        a.watchMembers((view) => {
          nodes = nodesOf(view);
        });
        await until(() => nodes.length === 2);
        await untilWhileLiving(() => nodes.join() === 'a', a);
      });

      it('begins with the present pairs under a prefix and ends with the newest, never going back', async () => {
        const a = await join('a');
        await set(a, 'p/1', '0');
        const seen: { texts: string[]; revision: number }[] = [];
        a.watch('p/', (pairs, revision) =>
          seen.push({ texts: pairs.map((pair) => decode(pair.value)), revision }),
        );
        await until(() => seen.length > 0);
        expect(seen[0]?.texts).toEqual(['0']);
        for (let i = 1; i <= 20; i++) await set(a, 'p/1', String(i));
        await until(() => seen.at(-1)?.texts.join() === '20');
        const values = seen.map((one) => Number(one.texts[0]));
        expect(values).toEqual(values.toSorted((x, y) => x - y));
        await settle(a.transact([{ op: 'delete', key: 'p/1' }]));
        await until(() => seen.at(-1)?.texts.length === 0);
        const revisions = seen.map((one) => one.revision);
        expect(revisions).toEqual(revisions.toSorted((x, y) => x - y));
      });

      it('is silent once it is closed', async () => {
        const a = await join('a');
        let calls = 0;
        let others = 0;
        const subscription = a.watch('', () => calls++);
        a.watch('', () => others++);
        await until(() => calls > 0 && others > 0);
        subscription.close();
        subscription.close();
        const before = calls;
        await set(a, 'x', '1');
        await until(() => others > 1);
        expect(calls).toBe(before);
      });

      it('is silent once its handle is closed', async () => {
        const a = await join('a');
        const b = await join('b');
        let calls = 0;
        let others = 0;
        a.watch('', () => calls++);
        b.watch('', () => others++);
        await until(() => calls > 0 && others > 0);
        a.close();
        const before = calls;
        await set(b, 'x', '1');
        await until(() => others > 1);
        expect(calls).toBe(before);
      });
    });

    describe('cuts (R6)', () => {
      it('fails calls and silences watches until it is mended', async () => {
        const a = await join('a');
        const b = await join('b');
        let nodes = '';
        const texts: string[] = [];
        a.watchMembers((view) => {
          nodes = nodesOf(view).join();
        });
        a.watch('x', (pairs) => texts.push(pairs.map((pair) => decode(pair.value)).join()));
        let bTexts = '';
        b.watch('x', (pairs) => {
          bTexts = pairs.map((pair) => decode(pair.value)).join();
        });
        await until(() => nodes === 'a,b' && texts.length > 0);

        under.sever(a);
        await refusedWith('REGISTRY_UNREACHABLE', a.renew());
        await refusedWith('REGISTRY_UNREACHABLE', a.acquire('k'));
        await refusedWith('REGISTRY_UNREACHABLE', a.get('x'));
        await refusedWith('REGISTRY_UNREACHABLE', a.transact([{ op: 'set', key: 'x', value: encode('a') }]));
        const heard = texts.length;
        await set(b, 'x', 'while cut');
        await until(() => bTexts === 'while cut');
        expect(texts.length).toBe(heard);
        expect(nodes).toBe('a,b');

        under.mend(a);
        await settle(a.renew());
        await until(() => texts.at(-1) === 'while cut');
      });

      it('ends the epoch of a node that stays cut off, and shows it the present state when it is mended', async () => {
        const a = await join('a');
        const b = await join('b');
        let nodes = '';
        a.watchMembers((view) => {
          nodes = nodesOf(view).join();
        });
        await until(() => nodes === 'a,b');
        const token = await granted(a, 'k');
        under.sever(a);
        await untilWhileLiving(async () => (await settle(b.acquire('k'))).kind === 'granted', b);
        expect(nodes).toBe('a,b');
        under.mend(a);
        await refusedWith('EPOCH_ENDED', a.renew());
        await until(() => nodes === 'b');
        const again = await join('a');
        const answer = await settle(again.acquire('k'));
        expect(answer.kind).toBe('held');
        expect(answer.token).toBeGreaterThan(token);
      });
    });

    describe('limits (R7)', () => {
      const key = 'k'.repeat(maxRegistryKeyBytes);
      const many = (count: number) =>
        Array.from({ length: count }, (_, i) => ({ op: 'check', key: `k${i}`, ifRevision: 0 }) as const);

      it('takes what is as large as allowed', async () => {
        const a = await join('a');
        const value = new Uint8Array(maxRegistryValueBytes).fill(7);
        expect((await settle(a.transact([{ op: 'set', key, value }]))).kind).toBe('applied');
        expect((await settle(a.get(key)))?.value.length).toBe(maxRegistryValueBytes);
        expect((await settle(a.transact(many(maxRegistryOperations)))).kind).toBe('applied');
        await granted(a, key);
      });

      it('refuses what is larger', async () => {
        const a = await join('a');
        const value = new Uint8Array(maxRegistryValueBytes + 1);
        await refusedWith('REGISTRY_LIMIT', a.transact([{ op: 'set', key: 'k', value }]));
        await refusedWith('REGISTRY_LIMIT', a.transact([{ op: 'set', key: `${key}k`, value: encode('') }]));
        await refusedWith(
          'REGISTRY_LIMIT',
          a.transact([{ op: 'check', key: 'ü'.repeat(300), ifRevision: 0 }]),
        );
        await refusedWith('REGISTRY_LIMIT', a.transact(many(maxRegistryOperations + 1)));
        await refusedWith('REGISTRY_LIMIT', a.acquire(`${key}k`));
        await refusedWith('INVALID_MESSAGE', a.acquire(''));
        await refusedWith('INVALID_MESSAGE', a.transact([{ op: 'set', key: '\ud800', value: encode('') }]));
        expect(await settle(a.list(''))).toEqual([]);
      });

      it('takes any well-formed text as a key', async () => {
        const a = await join('a');
        for (const odd of ['__proto__', 'a\0b', '../up', 'ключ', '😀', ' ', 'a"b\nc']) {
          await set(a, odd, odd);
          expect(await textOf(a, odd)).toBe(odd);
        }
      });
    });
  });
}

export function describeNode(node: string): MemberDescription {
  return {
    node,
    cloud: 'aws',
    region: 'eu-central-1',
    zone: 'a',
    version: '0.1.0',
    addresses: { transport: `memory:${node}` },
    capabilities: { cpus: '4' },
  };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function plain(pairs: readonly KeyValue[]): [string, string, number][] {
  return pairs.map(({ key, value, revision }) => [key, decode(value), revision]);
}

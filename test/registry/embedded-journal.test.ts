import { describe, expect, it } from 'vitest';
import { openEmbeddedRegistry } from '../../src/registry/embedded/embedded-registry.ts';
import { EmbeddedFixture } from './embedded-fixture.ts';
import { Told } from './told.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);

describe('embedded registry and its journal', () => {
  for (const keepsFailed of [false, true]) {
    it(`takes nothing back, whatever append it crashes at (the failed record is ${keepsFailed ? 'kept' : 'lost'})`, async () => {
      const whole = await new EmbeddedFixture().open();
      await new Told().work(whole.registry, 2);
      expect(whole.store.appends).toBeGreaterThan(8);

      for (let failAt = 2; failAt <= whole.store.appends + 1; failAt++) {
        const told = new Told();
        const fixture = await new EmbeddedFixture().open();
        fixture.store.keepsFailed = keepsFailed;
        fixture.store.failAt = failAt;
        await told.work(fixture.registry, 2);
        fixture.store.failAt = undefined;
        await fixture.restart();
        await told.check(fixture.registry);
        await told.work(fixture.registry, 1);
        await fixture.restart();
        await told.check(fixture.registry);
      }
    });
  }

  it('answers, shows and tells only what is durable (L1)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    let seen = 0;
    a.watch('', (pairs) => {
      seen = pairs.length;
    });
    let open: () => void = () => {};
    fixture.store.gate = new Promise((resolve) => {
      open = resolve;
    });
    let answered = 0;
    const calls = [
      a.transact([{ op: 'set', key: 'x', value: bytes('1') }]),
      a.acquire('k'),
      a.setState('draining'),
    ].map((call) => (call as Promise<unknown>).then(() => answered++));
    await fixture.advance(100);
    expect(answered).toBe(0);
    expect(await a.get('x')).toBeUndefined();
    expect(await a.leases('')).toEqual([]);
    expect((await a.members()).members[0]?.state).toBe('ready');
    expect(seen).toBe(0);
    await a.renew();
    open();
    await Promise.all(calls);
    expect(text((await a.get('x'))?.value)).toBe('1');
    await fixture.advance(1);
    expect(seen).toBe(1);
  });

  it('keeps the calls of one tick in one record, and those that come meanwhile in the next (L2)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    const before = fixture.store.appends;
    const write = (i: number) => a.transact([{ op: 'set', key: `k${i}`, value: bytes('v') }]);
    const first = Promise.all(Array.from({ length: 50 }, (_, i) => write(i)));
    await Promise.resolve();
    await Promise.resolve();
    const second = Promise.all(Array.from({ length: 50 }, (_, i) => write(100 + i)));
    await Promise.all([first, second]);
    expect(fixture.store.appends - before).toBeLessThanOrEqual(2);
    expect((await a.list('k')).length).toBe(100);
  });

  it('goes on without the journal where it can, and says why it stopped (L5)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const token = (await a.acquire('k')).token;
    await a.transact([{ op: 'set', key: 'x', value: bytes('1') }]);
    fixture.store.failAt = fixture.store.appends + 1;

    const write = [{ op: 'set', key: 'x', value: bytes('2') }] as const;
    await expect(a.transact(write)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(fixture.registry.failure?.code).toBe('JOURNAL_STOPPED');
    expect(fixture.reports.map((report) => report.code)).toEqual(['JOURNAL_STOPPED']);
    const appends = fixture.store.appends;
    await expect(a.transact(write, { key: 'k', token })).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
    await expect(b.acquire('k2')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    await expect(fixture.join('c')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(fixture.store.appends).toBe(appends);

    expect(text((await b.get('x'))?.value)).toBe('1');
    expect(await b.acquire('k')).toEqual({ kind: 'held', byNode: 'a', token });
    await a.renew();
    await b.setState('draining');
    await a.release('k', token);
    expect((await b.leases('k'))[0]?.holder).toBeUndefined();
    await a.leave();
    expect((await b.members()).members.map((member) => [member.node, member.state])).toEqual([
      ['b', 'draining'],
    ]);
    await fixture.advance(4000);
    expect(fixture.registry.listAll().members).toEqual([]);
  });

  it('resumes after a failure that passes, and gives no number twice (L4)', async () => {
    const fixture = await new EmbeddedFixture().open();
    fixture.store.failCode = 'DISK_FULL';
    fixture.store.failForGood = false;
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    fixture.store.failAt = fixture.store.appends + 1;
    const write = a.transact([{ op: 'set', key: 'x', value: bytes('lost') }]);
    const lease = a.acquire('k');
    const leaving = b.leave();
    const reading = a.transact([{ op: 'check', key: 'x', ifRevision: 0 }]);
    await expect(write).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', cause: { code: 'DISK_FULL' } });
    await expect(lease).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    await leaving;
    expect(await reading).toMatchObject({ kind: 'applied' });
    expect((await a.members()).members.map((member) => member.node)).toEqual(['a']);
    expect(fixture.registry.failure).toBeUndefined();
    expect(await a.get('x')).toBeUndefined();

    const counters = fixture.registry.listAll().counters;
    const token = (await a.acquire('k')).token;
    expect(token).toBeGreaterThan(counters.index + 1);
    expect(await a.transact([{ op: 'set', key: 'x', value: bytes('kept') }])).toMatchObject({
      kind: 'applied',
    });
    await fixture.restart();
    const again = await fixture.join('a');
    expect(text((await again.get('x'))?.value)).toBe('kept');
  });

  it('keeps the journal small, and a compacted one gives back the same', async () => {
    const fixture = await new EmbeddedFixture({ compactAboveBytes: 64 * 1024 }).open();
    const a = await fixture.join('a');
    const token = (await a.acquire('k')).token;
    let largest = 0;
    for (let i = 0; i < 400; i++) {
      await a.transact([{ op: 'set', key: `k${i % 5}`, value: new Uint8Array(2000).fill(i) }]);
      largest = Math.max(largest, fixture.store.bytes);
    }
    expect(fixture.store.compactions).toBeGreaterThan(5);
    expect(largest).toBeLessThan(80 * 1024);
    const before = fixture.registry.listAll();
    await fixture.restart();
    const after = fixture.registry.listAll();
    expect(after.keys).toEqual(before.keys);
    expect(after.leases).toEqual([{ key: 'k', token, holder: undefined, holderEpoch: 0 }]);
    expect(after.counters).toEqual({ ...before.counters, starts: before.counters.starts + 1 });
  });

  it('carries out what it has taken before it closes, and nothing afterwards', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    const write = a.transact([{ op: 'set', key: 'x', value: bytes('1') }]);
    const closing = fixture.registry.close();
    expect(await write).toMatchObject({ kind: 'applied' });
    await closing;
    for (const call of [a.renew(), a.get('x'), a.acquire('k'), fixture.join('b')]) {
      await expect(call).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    }
    await fixture.registry.close();
  });

  it('fails what is under way when it crashes', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    let open: () => void = () => {};
    fixture.store.gate = new Promise((resolve) => {
      open = resolve;
    });
    const stuck = a.acquire('k');
    await fixture.advance(1);
    const waiting = a.acquire('k2');
    fixture.registry.crash();
    await expect(stuck).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    await expect(waiting).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    await expect(a.renew()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    open();
    await fixture.advance(1);
    expect(fixture.registry.listAll().leases).toEqual([]);
  });

  it('refuses a journal that is not its own, and one that cannot be written', async () => {
    const foreign = new EmbeddedFixture();
    foreign.store.records.push({ type: 9, token: 0, sequence: 1, body: new Uint8Array(1) });
    await expect(foreign.open()).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    const broken = new EmbeddedFixture();
    broken.store.failAt = 1;
    await expect(broken.open()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('gives numbers of a raised generation, and never goes back to a lower one', async () => {
    const fixture = await new EmbeddedFixture().open();
    const old = await fixture.join('a');
    await fixture.registry.close();
    const open = (generation: number) =>
      openEmbeddedRegistry({
        clock: fixture.clock,
        journal: fixture.store.open,
        generation,
        report: (error) => fixture.reports.push(error),
      });
    fixture.registry = await open(2);
    const raised = await fixture.join('a');
    expect(raised.epoch).toBeGreaterThan(2 * 2 ** 40);
    expect(raised.epoch).toBeGreaterThan(old.epoch);
    await fixture.registry.close();
    fixture.registry = await open(0);
    expect((await fixture.join('a')).epoch).toBeGreaterThan(raised.epoch);
    await expect(open(2 ** 13)).rejects.toMatchObject({ code: 'INVALID_DEFINITION' });
    await expect(open(-1)).rejects.toMatchObject({ code: 'INVALID_DEFINITION' });
  });
});

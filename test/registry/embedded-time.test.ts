import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/ports/clock.ts';
import { EmbeddedFixture } from './embedded-fixture.ts';

describe('embedded registry and time', () => {
  it('ends an epoch at its TTL, not before (D1)', async () => {
    const fixture = await new EmbeddedFixture({ ttlMs: 3000 }).open();
    const a = await fixture.join('a');
    expect(a.ttlMs).toBe(3000);
    await fixture.advance(1000);
    await a.renew();
    await fixture.advance(2999);
    expect(fixture.registry.listAll().members).toHaveLength(1);
    await fixture.advance(1);
    expect(fixture.registry.listAll().members).toHaveLength(0);
  });

  it('frees all leases of an ended epoch in the same step', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    for (const key of ['k1', 'k2', 'k3']) await a.acquire(key);
    const b = await fixture.join('b');
    const holders: (string | undefined)[][] = [];
    b.watchMembers(() => {
      holders.push(fixture.registry.listAll().leases.map((lease) => lease.holder));
    });
    await fixture.advance(2000);
    await b.renew();
    await fixture.advance(1500);
    expect(holders).toEqual([
      ['a', 'a', 'a'],
      [undefined, undefined, undefined],
    ]);
  });

  it('judges a call by the time at which it comes, even when the timer is late', async () => {
    const fixture = new EmbeddedFixture();
    const lateMs = 500;
    const clock: Clock = {
      monotonicMs: () => fixture.clock.monotonicMs(),
      wallMs: () => fixture.clock.wallMs(),
      after: (delayMs, run) => fixture.clock.after(delayMs + lateMs, run),
      soon: (run) => fixture.clock.soon(run),
      later: (run) => fixture.clock.later(run),
    };
    fixture.options = { clock };
    await fixture.open();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const token = (await a.acquire('k')).token;
    await fixture.advance(2000);
    await b.renew();
    await fixture.advance(1000 + lateMs / 2);
    expect(fixture.registry.listAll().members).toHaveLength(2);
    expect(await a.transact([], { key: 'k', token }).catch((error: unknown) => error)).toMatchObject({
      code: 'EPOCH_ENDED',
    });
    expect((await b.acquire('k')).kind).toBe('granted');

    await fixture.advance(2000);
    await expect(b.renew()).rejects.toMatchObject({ code: 'EPOCH_ENDED' });
  });

  it('gives everyone a whole TTL when it stood still itself (D2)', async () => {
    const fixture = await new EmbeddedFixture({ ttlMs: 3000 }).open();
    const a = await fixture.join('a');
    const token = (await a.acquire('k')).token;
    await fixture.join('gone');
    await fixture.advance(1000);
    fixture.clock.freeze();
    await fixture.advance(60_000);
    fixture.clock.thaw();
    await fixture.advance(0);
    await a.renew();
    expect((await a.acquire('k')).token).toBe(token);
    await fixture.advance(2000);
    await a.renew();
    await fixture.advance(1500);
    expect(fixture.registry.listAll().members.map((member) => member.node)).toEqual(['a']);
  });

  it('renews while the disk is slow, and never again once an epoch is due (D3)', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    let open: () => void = () => {};
    fixture.store.gate = new Promise((resolve) => {
      open = resolve;
    });
    const slow = a.acquire('k');
    for (let i = 0; i < 8; i++) {
      await fixture.advance(1000);
      await a.renew();
    }
    // The end of b waits behind the slow record, yet b is told the truth.
    await expect(b.renew()).rejects.toMatchObject({ code: 'EPOCH_ENDED' });
    expect(fixture.registry.listAll().members).toHaveLength(2);
    open();
    expect((await slow).kind).toBe('granted');
    await expect(b.renew()).rejects.toMatchObject({ code: 'EPOCH_ENDED' });
    expect((await a.members()).members.map((member) => member.node)).toEqual(['a']);
  });

  it('counts the TTL of a join from its answer, however long the disk took', async () => {
    const fixture = await new EmbeddedFixture().open();
    let open: () => void = () => {};
    fixture.store.gate = new Promise((resolve) => {
      open = resolve;
    });
    const joining = fixture.join('a');
    await fixture.advance(10_000);
    open();
    const a = await joining;
    await fixture.advance(2999);
    await a.renew();
  });

  it('answers the leases of an earlier run as held while their holders may still live', async () => {
    const fixture = await new EmbeddedFixture({ restartGraceMs: 3000 }).open();
    const old = await fixture.join('a');
    const token = (await old.acquire('k')).token;
    await fixture.restart();
    const b = await fixture.join('b');
    expect(await b.acquire('k')).toEqual({ kind: 'held', byNode: 'a', token });
    expect((await b.acquire('fresh')).kind).toBe('granted');
    await fixture.advance(2000);
    await b.renew();
    expect((await b.acquire('k')).kind).toBe('held');
    await fixture.advance(1000);
    expect((await b.acquire('k')).kind).toBe('granted');
  });

  it('keeps no timer when nobody is a member', async () => {
    const fixture = await new EmbeddedFixture().open();
    const a = await fixture.join('a');
    await a.leave();
    await fixture.advance(10_000);
    expect(fixture.time.pendingCount).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import type { RegistryHandle } from '../../../src/ports/registry.ts';
import { Facts } from '../../../src/runtime/facts.ts';
import { Membership } from '../../../src/runtime/membership.ts';
import { VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';
import { Cluster, type NodeLife } from './cluster-fixture.ts';

async function pair(): Promise<{ cluster: Cluster; a: NodeLife; b: NodeLife }> {
  const cluster = await Cluster.open(['a', 'b'], { registryDelayMs: 5 });
  return { cluster, a: cluster.life('a'), b: cluster.life('b') };
}

describe('membership', () => {
  it('keeps its epoch as long as it renews', async () => {
    const { cluster, a } = await pair();
    await cluster.advance(120_000);
    expect(a.node.membership.mayAct).toBe(true);
    expect(a.of('member-gone')).toEqual([]);
    expect(a.node.membership.view.members.map(({ node }) => node)).toEqual(['a', 'b']);
  });

  it('tells of members as they come and go, by epoch', async () => {
    const { cluster, a, b } = await pair();
    cluster.kill('b');
    const again = await cluster.start('b');
    await cluster.advance(100);
    expect(a.of('member-gone')).toEqual([{ type: 'member-gone', node: 'b', epoch: b.node.epoch }]);
    expect(a.of('member-up').at(-1)).toEqual({ type: 'member-up', node: 'b', epoch: again.node.epoch });
    expect(again.node.epoch).toBeGreaterThan(b.node.epoch);
    await cluster.until(again.node.drain(1000));
    await cluster.advance(100);
    expect(a.of('member-gone').length).toBe(2);
  });

  it('N1: may not act from before the registry could give its leases away, though nothing else is known', async () => {
    const { cluster, a } = await pair();
    await cluster.advance(10_000);
    cluster.severRegistry('a');
    const startMs = cluster.time.nowMs;
    await cluster.when(() => !a.node.membership.mayAct, 10_000);
    expect(cluster.time.nowMs - startMs).toBeLessThan(2700);
    expect(a.node.membership.standing.kind).toBe('doubtful');
    const goneMs = await (async () => {
      await cluster.when(() => cluster.life('b').of('member-gone').length > 0, 10_000);
      return cluster.time.nowMs;
    })();
    expect(goneMs - startMs).toBeGreaterThanOrEqual(2400);
    expect(a.ended()).toBe(0);
  });

  it('N3: is good again when the registry comes back before it has ended the epoch', async () => {
    const { cluster, a } = await pair();
    await cluster.advance(10_000);
    cluster.severRegistry('a');
    await cluster.when(() => a.node.membership.standing.kind === 'doubtful', 10_000);
    expect(a.node.membership.mayAct).toBe(false);
    cluster.mendRegistry('a');
    await cluster.advance(150);
    expect(a.node.membership.standing.kind).toBe('good');
    expect(a.node.membership.mayAct).toBe(true);
    await cluster.advance(10_000);
    expect(a.ended()).toBe(0);
  });

  it('N2: is told once that its epoch has ended, when it hears of it', async () => {
    const { cluster, a } = await pair();
    cluster.severRegistry('a');
    await cluster.advance(10_000);
    expect(a.ended()).toBe(0);
    cluster.mendRegistry('a');
    await cluster.advance(1000);
    expect(a.ended()).toBe(1);
    expect(a.node.membership.standing.kind).toBe('ended');
    expect(a.node.membership.mayAct).toBe(false);
    await cluster.advance(60_000);
    expect(a.ended()).toBe(1);
  });

  it('N1, N2: a frozen node that wakes after its lease may not act, before anything else runs on it', async () => {
    const { cluster, a } = await pair();
    await cluster.advance(10_000);
    const seen: boolean[] = [];
    // Timers of the node that are due while it is frozen: they run at the thaw, before renewals and the doubt.
    for (let ms = 1; ms < 600; ms += 7) a.process.after(ms, () => seen.push(a.node.membership.mayAct));
    cluster.freeze('a');
    await cluster.advance(10_000);
    expect(a.node.membership.mayAct).toBe(false);
    cluster.thaw('a');
    await cluster.advance(1000);
    expect(seen.length).toBeGreaterThan(80);
    expect(seen).not.toContain(true);
    expect(a.ended()).toBe(1);
    expect(a.node.membership.mayAct).toBe(false);
  });

  it('goes on when it was frozen for less than its lease', async () => {
    const { cluster, a } = await pair();
    await cluster.advance(10_000);
    cluster.freeze('a');
    await cluster.advance(2000);
    cluster.thaw('a');
    await cluster.advance(5000);
    expect(a.ended()).toBe(0);
    expect(a.node.membership.mayAct).toBe(true);
  });

  it('tells when it may act again after a time in which it stood still, though no doubt was told', async () => {
    const time = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
    const clock = time.process();
    const told: string[] = [];
    const events = {
      doubtful: () => told.push('doubtful'),
      good: () => told.push('good'),
      ended: () => told.push('ended'),
      viewed: () => undefined,
    };
    const handle = {
      ttlMs: 3000,
      renew: () => Promise.resolve(),
      watchMembers: () => ({ close: () => undefined }),
    } as unknown as RegistryHandle;
    const membership = new Membership(handle, clock, new Facts(), events, 0);
    await time.run(1000);
    expect(told).toEqual([]);
    clock.freeze();
    await time.run(3900);
    expect(membership.mayAct).toBe(false);
    clock.thaw();
    await time.run(3901);
    expect([told, membership.mayAct]).toEqual([['good'], true]);
  });

  it('N3: goes on renewing when the registry has swallowed a call', async () => {
    const { cluster, a } = await pair();
    const { handle } = a.node.membership;
    const renew = handle.renew.bind(handle);
    let swallowed = 0;
    handle.renew = () => {
      if (swallowed >= 1) return renew();
      swallowed++;
      return new Promise(() => undefined);
    };
    await cluster.advance(30_000);
    expect(swallowed).toBe(1);
    expect(a.ended()).toBe(0);
    expect(a.node.membership.mayAct).toBe(true);
  });

  it('keeps the last good view while the registry is away', async () => {
    const { cluster, a } = await pair();
    cluster.severRegistry('a');
    await cluster.advance(60_000);
    expect(a.node.membership.view.members.map(({ node }) => node)).toEqual(['a', 'b']);
  });
});

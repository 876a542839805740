import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import { protocol, request } from '../../../src/runtime/protocol.ts';
import type { Terminated } from '../../../src/runtime/watch.ts';
import { Cluster, type ClusterOptions, type NodeLife } from './cluster-fixture.ts';

const Watched = protocol('watched', {
  fail: request({ in: z.object({}), out: z.object({}) }),
});

const watched = behavior(Watched, () => ({
  fail: () => {
    throw new Error('oh');
  },
}));

interface World {
  readonly cluster: Cluster;
  readonly told: Terminated[];
  readonly a: NodeLife;
  readonly b: NodeLife;
  readonly ref: ActorRef<typeof Watched>;
  readonly here: ActorRef;
  readonly off: () => void;
}

async function world(options: ClusterOptions = {}): Promise<World> {
  const cluster = await Cluster.open(['a', 'b'], {
    ...options,
    setup: ({ node }) => {
      node.system.spawn(watched, { name: 'w' });
    },
  });
  const a = cluster.life('a');
  const b = cluster.life('b');
  const ref = a.node.ref(Watched, 'b', 'w');
  const told: Terminated[] = [];
  const off = ref.onTerminated((terminated) => told.push(terminated));
  await cluster.advance(200);
  return { cluster, told, a, b, ref, here: b.node.system.find('w') as ActorRef, off };
}

describe('a watch of an actor on another node', () => {
  it('tells of a stop once, with epoch, incarnation and reason', async () => {
    const { cluster, told, b, here } = await world();
    await cluster.until(b.node.system.stop(here));
    await cluster.advance(5000);
    expect(told).toEqual([{ address: 'b/w', epoch: b.node.epoch, incarnation: 1, reason: 'stopped' }]);
  });

  it('tells of a kill', async () => {
    const { cluster, told, b, here } = await world();
    b.node.system.kill(here);
    await cluster.advance(100);
    expect(told).toMatchObject([{ epoch: b.node.epoch, reason: 'killed' }]);
  });

  it('tells nothing of a restart', async () => {
    const { cluster, told, ref, b, here } = await world();
    expect((await cluster.until(ref.attempt.fail({}))).ok).toBe(false);
    await cluster.advance(5000);
    expect(told).toEqual([]);
    b.node.system.kill(here);
    await cluster.advance(100);
    expect(told).toMatchObject([{ incarnation: 2 }]);
  });

  it('answers at once for the dead, and for one that never was', async () => {
    const { cluster, a, b, here } = await world();
    await cluster.until(b.node.system.stop(here));
    const told: Terminated[] = [];
    a.node.ref(Watched, 'b', 'w').onTerminated((terminated) => told.push(terminated));
    a.node.ref(Watched, 'b', 'never').onTerminated((terminated) => told.push(terminated));
    b.node.ref(Watched, 'b', 'never').onTerminated((terminated) => told.push(terminated));
    await cluster.advance(50);
    expect(told.map(({ address, epoch }) => `${address} ${epoch}`).toSorted()).toEqual([
      `b/never ${b.node.epoch}`,
      `b/never ${b.node.epoch}`,
      `b/w ${b.node.epoch}`,
    ]);
  });

  it('is taken off', async () => {
    const { cluster, told, b, here, off } = await world();
    off();
    await cluster.advance(100);
    b.node.system.kill(here);
    await cluster.advance(5000);
    expect(told).toEqual([]);
  });

  it('tells of a lost node once, when its lease has ended and not before', async () => {
    const { cluster, told, b } = await world();
    const killedMs = cluster.time.nowMs;
    cluster.kill('b');
    await cluster.when(() => told.length > 0, 10_000);
    expect(cluster.time.nowMs - killedMs).toBeGreaterThanOrEqual(2400);
    expect(cluster.time.nowMs - killedMs).toBeLessThanOrEqual(3600);
    await cluster.start('b');
    await cluster.advance(10_000);
    expect(told).toMatchObject([{ address: 'b/w', epoch: b.node.epoch }]);
  });

  it('says nothing on suspicion alone, survives a cut and tells what happened meanwhile', async () => {
    const { cluster, told, a, b, here } = await world();
    for (let i = 0; i < 3; i++) {
      cluster.cut('a', 'b', i === 0 ? 'both-ways' : 'one-way');
      await cluster.advance(8000);
      expect(a.of('link-down').length).toBeGreaterThan(i);
      expect(told).toEqual([]);
      cluster.heal();
      await cluster.advance(8000);
      expect(told).toEqual([]);
    }
    cluster.cut('b', 'a');
    await cluster.advance(8000);
    b.node.system.kill(here);
    await cluster.advance(1000);
    expect(told).toEqual([]);
    cluster.heal();
    await cluster.advance(8000);
    expect(told).toMatchObject([{ address: 'b/w', epoch: b.node.epoch }]);
  });

  it('does not pass to the actor of a node that started again', async () => {
    const { cluster, told, b } = await world();
    cluster.kill('b');
    const again = await cluster.start('b');
    await cluster.advance(1000);
    expect(told).toMatchObject([{ epoch: b.node.epoch }]);
    const anew: Terminated[] = [];
    cluster
      .node('a')
      .ref(Watched, 'b', 'w')
      .onTerminated((terminated) => anew.push(terminated));
    await cluster.advance(5000);
    expect(anew).toEqual([]);
    cluster.kill('b');
    await cluster.advance(5000);
    expect(anew).toMatchObject([{ epoch: again.node.epoch }]);
    expect(told.length).toBe(1);
  });

  it('tells of a node that left in order', async () => {
    const { cluster, told, b } = await world();
    await cluster.until(b.node.drain(1000));
    await cluster.advance(1000);
    expect(told).toMatchObject([{ address: 'b/w', epoch: b.node.epoch }]);
  });

  it('tells of a node that is no member and does not answer', async () => {
    const { cluster, a } = await world();
    cluster.kill('b');
    await cluster.advance(10_000);
    const told: Terminated[] = [];
    a.node.ref(Watched, 'b', 'w').onTerminated((terminated) => told.push(terminated));
    a.node.ref(Watched, 'nowhere', 'w').onTerminated((terminated) => told.push(terminated));
    await cluster.advance(4000);
    expect(told.map(({ address }) => address).toSorted()).toEqual(['b/w', 'nowhere/w']);
    a.node.ref(Watched, 'nowhere', 'w').onTerminated((terminated) => told.push(terminated));
    await cluster.advance(100);
    expect(told.length).toBe(3);
  });

  it('tells of an epoch that came and went while this node was cut off from the registry', async () => {
    const { cluster, told, a } = await world();
    cluster.severRegistry('a');
    cluster.kill('b');
    const second = await cluster.start('b');
    await cluster.advance(500);
    const anew: Terminated[] = [];
    a.node.ref(Watched, 'b', 'w').onTerminated((terminated) => anew.push(terminated));
    await cluster.advance(500);
    expect(told.length).toBe(1);
    cluster.kill('b');
    await cluster.advance(10_000);
    expect(anew).toEqual([]);
    cluster.mendRegistry('a');
    // The epoch of `a` has ended too by then; its links live on until it is started again.
    await cluster.advance(10);
    expect(anew).toMatchObject([{ epoch: second.node.epoch }]);
  });

  it('is not ended by a view that is older than the link to the node', async () => {
    const { cluster, a } = await world({ link: { downAfterMs: 400, reconnectMs: 20, reconnectMaxMs: 100 } });
    await cluster.advance(300);
    cluster.severRegistry('a');
    await cluster.start('c');
    const told: Terminated[] = [];
    a.node.ref(Watched, 'c', 'w').onTerminated((terminated) => told.push(terminated));
    await cluster.advance(100);
    cluster.cut('a', 'c');
    await cluster.when(() => a.of('link-down').some(({ peer }) => peer === 'c'), 1500);
    cluster.heal();
    await cluster.advance(300);
    expect(told).toEqual([]);
    const failed = await cluster.until(a.node.ref(Watched, 'c', 'w').attempt.fail({}), 300);
    expect(failed).toMatchObject({ ok: false, error: { code: 'HANDLER_FAILED' } });
    expect(told).toEqual([]);
  });

  it('keeps one watcher’s mistake from the others', async () => {
    const { cluster, told, a, b, ref } = await world();
    ref.onTerminated(() => {
      throw new Error('a bad watcher');
    });
    const after: Terminated[] = [];
    ref.onTerminated((terminated) => after.push(terminated));
    await cluster.advance(100);
    cluster.kill('b');
    await cluster.advance(5000);
    expect([told.length, after.length]).toEqual([1, 1]);
    expect(a.of('internal-error')).toMatchObject([{ where: 'watcher of b/w' }]);
    expect(b.lives).toBe(false);
  });
});

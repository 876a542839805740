import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { behavior } from '../../../src/runtime/behavior.ts';
import type { DrainReport } from '../../../src/runtime/cluster-node.ts';
import { protocol, request, signal } from '../../../src/runtime/protocol.ts';
import { Cluster, codeOf } from './cluster-fixture.ts';
import { TallyCluster } from './tally-cluster.ts';

const steps = (report: DrainReport): string[] =>
  report.steps.map(
    ({ step, overdue, error }) =>
      `${step}${overdue ? ' overdue' : ''}${error === undefined ? '' : ` ${error.code}`}`,
  );
const allSteps = ['not serving', 'hand over', 'stop actors', 'flush', 'leave'];

const Worker = protocol('worker', {
  work: request({ in: z.object({ ms: z.number() }), out: z.string() }),
  note: signal({ in: z.object({ text: z.string() }) }),
});

async function workers(stopMs = 5000): Promise<{ cluster: Cluster; log: string[] }> {
  const log: string[] = [];
  const cluster: Cluster = await Cluster.open(['a', 'b'], {
    quality: { delayMs: 5, loss: 0.1 },
    registryDelayMs: 2,
    setup: (life) => {
      const worker = behavior(
        Worker,
        (context) => {
          context.onStop(() => {
            log.push(`${life.name} stops`);
          });
          return {
            work: ({ ms }) => new Promise((resolve) => life.process.after(ms, () => resolve(`worked ${ms}`))),
            note: ({ text }) => {
              log.push(text);
            },
          };
        },
        { stopMs },
      );
      life.node.system.spawn(worker, { name: 'worker' });
    },
  });
  return { cluster, log };
}

describe('a drain', () => {
  it('loses no ask and no accepted signal of busy virtual actors', async () => {
    const tallies = await TallyCluster.open(['a', 'b', 'c'], {
      quality: { delayMs: 3, jitterMs: 3 },
      flushMs: 20,
      actor: { stopMs: 5000 },
    });
    const { cluster } = tallies;
    const keys = Array.from({ length: 15 }, (_, i) => `k${i}`);
    const asks: Promise<string>[] = [];
    const expected = new Map<string, string[]>(keys.map((key) => [key, []]));
    let next = 0;
    const load = async (ms: number): Promise<void> => {
      const endMs = cluster.time.nowMs + ms;
      while (cluster.time.nowMs < endMs) {
        for (const key of keys) {
          const id = String(next++);
          expected.get(key)?.push(id);
          const from = next % 2 === 0 ? 'a' : 'b';
          asks.push(codeOf(tallies.ref(from, key).ask.add({ id }, { deadlineMs: 30_000 })));
          if (next % 10 === 0)
            asks.push(codeOf(tallies.ref(from, key).ask.work({ ms: 40 }, { deadlineMs: 30_000 })));
        }
        await cluster.advance(20);
      }
    };
    await load(300);
    const drained = cluster.node('c').drain(5000);
    void drained.then(() => cluster.kill('c'));
    await load(600);
    const report = await cluster.until(drained);
    expect(steps(report)).toEqual(allSteps);
    await load(200);
    expect(new Set(await cluster.until(Promise.all(asks)))).toEqual(new Set(['resolved']));
    for (const key of keys) {
      const ids = await cluster.until(tallies.ref('a', key).ask.read({}));
      expect(ids.toSorted()).toEqual(expected.get(key)?.toSorted());
    }
    expect(tallies.incarnations.some(({ life }) => life.name === 'c')).toBe(true);
    tallies.checkTokens();
  });

  it('finishes what was accepted, refuses what is new, runs the hooks, and its last replies arrive', async () => {
    const { cluster, log } = await workers();
    const ref = cluster.node('a').ref(Worker, 'b', 'worker');
    await cluster.until(ref.ask.work({ ms: 1 }));
    const work = [450, 460, 470].map((ms) => ref.ask.work({ ms }));
    ref.tell.note({ text: 'accepted' });
    await cluster.advance(400);
    const drained = cluster.node('b').drain(5000);
    const more = codeOf(ref.ask.work({ ms: 80 }));
    await cluster.advance(3);
    expect(await cluster.until(Promise.all(work))).toEqual(['worked 450', 'worked 460', 'worked 470']);
    expect(['resolved', 'NODE_DRAINING']).toContain(await cluster.until(more));
    const report = await cluster.until(drained);
    expect(steps(report)).toEqual(allSteps);
    expect(log).toEqual(['accepted', 'b stops']);
    await cluster.advance(1000);
    expect(cluster.life('a').of('member-gone').length).toBe(1);
    expect(cluster.node('b').system.actorCount).toBe(0);
  });

  it('refuses what comes while the last turn runs with NODE_DRAINING, and shows it in the view', async () => {
    const { cluster } = await workers();
    const ref = cluster.node('a').ref(Worker, 'b', 'worker');
    const work = ref.ask.work({ ms: 1000 });
    await cluster.advance(200);
    const drained = cluster.node('b').drain(5000);
    await cluster.advance(100);
    const b = cluster.node('a').membership.view.members.find(({ node }) => node === 'b');
    expect(b?.state).toBe('draining');
    expect(await cluster.until(codeOf(ref.ask.work({ ms: 1 })))).toBe('NODE_DRAINING');
    expect(await cluster.until(work)).toBe('worked 1000');
    await cluster.until(drained);
  });

  it('passes over what misses its limit and names it', async () => {
    const { cluster } = await workers(300);
    const ref = cluster.node('a').ref(Worker, 'b', 'worker');
    const stuck = codeOf(ref.ask.work({ ms: 600_000 }));
    await cluster.advance(200);
    const startMs = cluster.time.nowMs;
    const report = await cluster.until(cluster.node('b').drain(2000));
    expect(cluster.time.nowMs - startMs).toBeLessThan(3500);
    const stop = report.steps.find(({ step }) => step === 'stop actors');
    expect(stop?.overdue === true || stop?.overdueActors.includes('b/worker')).toBe(true);
    expect(await cluster.until(stuck)).toBe('UNKNOWN_OUTCOME');
  });

  it('ends within its limits when nothing answers, and says which steps failed or were overdue', async () => {
    const { cluster } = await workers();
    const ref = cluster.node('b').ref(Worker, 'a', 'worker');
    await cluster.until(ref.ask.work({ ms: 1 }));
    cluster.severRegistry('b');
    cluster.cut('a', 'b');
    ref.tell.note({ text: 'never' });
    const startMs = cluster.time.nowMs;
    const report = await cluster.until(cluster.node('b').drain(500));
    expect(steps(report)).toEqual([
      'not serving REGISTRY_UNREACHABLE',
      'hand over',
      'stop actors',
      'flush overdue',
      'leave REGISTRY_UNREACHABLE',
    ]);
    expect(cluster.time.nowMs - startMs).toBeLessThan(2500);
  });

  it('gives its leases back, so that the successor need not wait for their end', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    await cluster.until(cluster.node('b').drain(1000));
    const startMs = cluster.time.nowMs;
    expect(await cluster.until(tallies.ref('a', key).ask.add({ id: '2' }))).toBe(2);
    expect(cluster.time.nowMs - startMs).toBeLessThan(300);
    expect(tallies.log).toEqual([
      `start ${key} b`,
      `add 1 ${key} b`,
      `flush ${key} b`,
      `flushed ${key} b`,
      `start ${key} a`,
      `add 2 ${key} a`,
    ]);
  });

  it('hands over what it can when a virtual actor is stuck', async () => {
    const tallies = await TallyCluster.open(['a', 'b'], { actor: { stopMs: 400 } });
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    const stuck = codeOf(tallies.ref('a', key).ask.work({ ms: 600_000 }, { deadlineMs: 60_000 }));
    await cluster.advance(100);
    const report = await cluster.until(cluster.node('b').drain(5000));
    expect(steps(report)).toEqual(allSteps);
    expect(report.steps[1]?.overdueActors.length).toBeGreaterThan(0);
    expect(await cluster.until(stuck)).toBe('UNKNOWN_OUTCOME');
    expect(await cluster.until(tallies.ref('a', key).ask.where({}))).toMatchObject({ node: 'a' });
  });
});

describe('a crash', () => {
  it('runs no hook, releases nothing and lets not another frame out', async () => {
    const tallies = await TallyCluster.open(['a', 'b']);
    const { cluster } = tallies;
    const key = tallies.keyOwnedBy('b');
    await cluster.until(tallies.ref('a', key).ask.add({ id: '1' }));
    const running = codeOf(tallies.ref('a', key).ask.work({ ms: 5000 }, { deadlineMs: 60_000 }));
    await cluster.advance(100);
    const sentBytes = cluster.network.bytesSent('b', 'a');
    cluster.node('b').crash();
    await cluster.advance(1000);
    expect(cluster.network.bytesSent('b', 'a')).toBe(sentBytes);
    expect(cluster.registry.listAll().leases.filter(({ holder }) => holder === 'b').length).toBe(1);
    expect(tallies.log).toEqual([`start ${key} b`, `add 1 ${key} b`]);
    expect(['UNKNOWN_OUTCOME', 'NODE_LOST']).toContain(await cluster.until(running));
    await cluster.advance(5000);
    expect(await cluster.until(tallies.ref('a', key).ask.read({}))).toEqual(['1']);
  });
});

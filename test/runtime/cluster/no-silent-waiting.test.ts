import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import { protocol, request, signal } from '../../../src/runtime/protocol.ts';
import type { Deferred } from '../../../src/runtime/turn.ts';
import { Cluster, type ClusterOptions, codeOf, type NodeLife } from './cluster-fixture.ts';

/** Keeps every ask until it is let go. */
const Hoard = protocol('hoard', {
  keep: request({ in: z.object({}), out: z.string() }),
  letGo: signal({ in: z.object({}) }),
});

interface World {
  readonly cluster: Cluster;
  readonly a: NodeLife;
  readonly b: NodeLife;
  readonly hoard: ActorRef<typeof Hoard>;
}

async function world(options: ClusterOptions = {}): Promise<World> {
  const hoard = behavior(Hoard, () => {
    const kept: Deferred<string>[] = [];
    return {
      keep: (_body, turn) => {
        const deferred = turn.defer();
        kept.push(deferred);
        return deferred;
      },
      letGo: () => {
        for (const deferred of kept.splice(0)) deferred.resolve('here');
      },
    };
  });
  const cluster = await Cluster.open(['a', 'b'], {
    ...options,
    setup: ({ node }) => {
      node.system.spawn(hoard, { name: 'hoard' });
    },
  });
  const a = cluster.life('a');
  return { cluster, a, b: cluster.life('b'), hoard: a.node.ref(Hoard, 'b', 'hoard') };
}

/** How an ask ended, and how long after now. */
async function end(cluster: Cluster, ask: Promise<unknown>): Promise<{ code: string; afterMs: number }> {
  const startMs = cluster.time.nowMs;
  const code = await cluster.until(codeOf(ask), 60_000);
  return { code, afterMs: cluster.time.nowMs - startMs };
}

describe('an ask whose answer will not come', () => {
  it('ends within 3.5 s when the node was killed after it took the ask', async () => {
    for (const waitedMs of [0, 130, 490, 700, 2000, 10_000]) {
      const { cluster, hoard } = await world();
      const ask = hoard.ask.keep({}, { deadlineMs: 60_000 });
      await cluster.advance(200 + waitedMs);
      cluster.kill('b');
      const { code, afterMs } = await end(cluster, ask);
      expect(['NODE_LOST', 'UNKNOWN_OUTCOME']).toContain(code);
      expect(afterMs).toBeLessThanOrEqual(3500);
    }
  });

  it('ends at its deadline when that comes first', async () => {
    const { cluster, hoard } = await world();
    const ask = hoard.ask.keep({}, { deadlineMs: 1000 });
    await cluster.advance(200);
    cluster.kill('b');
    const { code, afterMs } = await end(cluster, ask);
    expect(code).toBe('DEADLINE_EXCEEDED');
    expect(afterMs).toBeLessThan(820);
  });

  it('ends with NODE_LOST as soon as a newer epoch of the node speaks', async () => {
    const { cluster, hoard, a } = await world();
    const code = codeOf(hoard.ask.keep({}, { deadlineMs: 60_000 }));
    await cluster.advance(200);
    cluster.kill('b');
    await cluster.start('b');
    expect(await cluster.until(code, 100)).toBe('NODE_LOST');
    expect(a.node.system.ledger.handedOver).toBe(1);
  });

  it('is not disturbed by late word of an epoch before the one that has it', async () => {
    const { cluster, hoard } = await world();
    await cluster.advance(100);
    cluster.severRegistry('a');
    cluster.kill('b');
    await cluster.start('b');
    const ask = hoard.ask.keep({}, { deadlineMs: 60_000 });
    const ended = codeOf(ask);
    await cluster.advance(1000);
    cluster.mendRegistry('a');
    await cluster.advance(1000);
    hoard.tell.letGo({});
    expect(await cluster.until(ended)).toBe('resolved');
  });

  it('ends when either direction of the link is cut', async () => {
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const { cluster, hoard } = await world();
      const ask = hoard.ask.keep({}, { deadlineMs: 60_000 });
      await cluster.advance(200);
      cluster.cut(from, to, 'one-way');
      const { code, afterMs } = await end(cluster, ask);
      expect(code).toBe('UNKNOWN_OUTCOME');
      expect(afterMs).toBeLessThanOrEqual(3500);
    }
  });

  it('ends when the node is frozen', async () => {
    const { cluster, hoard } = await world();
    const ask = hoard.ask.keep({}, { deadlineMs: 60_000 });
    await cluster.advance(200);
    cluster.freeze('b');
    expect((await end(cluster, ask)).afterMs).toBeLessThanOrEqual(3500);
  });

  it('ends with NODE_UNREACHABLE when it could not be sent, at once when the link is known to be down', async () => {
    const { cluster, hoard } = await world();
    cluster.cut('a', 'b');
    const first = await end(cluster, hoard.ask.keep({}));
    expect(first.code).toBe('NODE_UNREACHABLE');
    expect(first.afterMs).toBeLessThanOrEqual(2600);
    expect(await end(cluster, hoard.ask.keep({}))).toEqual({ code: 'NODE_UNREACHABLE', afterMs: 0 });
  });

  it('ends at once for a node that nobody knows, for an actor that is not there, at this node’s own end', async () => {
    const { cluster, a, hoard } = await world();
    const nowhere = await end(cluster, a.node.ref(Hoard, 'nowhere', 'hoard').ask.keep({}));
    expect(nowhere).toEqual({ code: 'NODE_UNREACHABLE', afterMs: 0 });
    const nobody = await end(cluster, a.node.ref(Hoard, 'b', 'nobody').ask.keep({}));
    expect(nobody.code).toBe('NO_SUCH_ACTOR');
    const ask = codeOf(hoard.ask.keep({}, { deadlineMs: 60_000 }));
    await cluster.advance(100);
    a.node.crash();
    expect(await cluster.until(ask, 0)).toBe('UNKNOWN_OUTCOME');
  });

  it('ends with ACTOR_STOPPED when the actor stops before it has given the answer that it owes', async () => {
    const { cluster, hoard, b } = await world();
    const ask = hoard.ask.keep({}, { deadlineMs: 60_000 });
    await cluster.advance(100);
    void b.node.system.stop(b.node.system.find('hoard') as ActorRef);
    expect((await end(cluster, ask)).afterMs).toBeLessThan(50);
  });
});

describe('a handler whose asker is gone', () => {
  it('is told by its signal', async () => {
    const Waiter = protocol('waiter', { wait: request({ in: z.object({}), out: z.object({}) }) });
    const given: number[] = [];
    const cluster: Cluster = await Cluster.open(['a', 'b'], {
      setup: (life) => {
        const waiter = behavior(Waiter, () => ({
          wait: (_body, turn) =>
            new Promise((_resolve, reject) => {
              turn.signal.addEventListener('abort', () => {
                given.push(cluster.time.nowMs);
                reject(turn.signal.reason as Error);
              });
            }),
        }));
        life.node.system.spawn(waiter, { name: 'waiter' });
      },
    });
    const b = cluster.life('b');
    const ask = codeOf(cluster.node('a').ref(Waiter, 'b', 'waiter').ask.wait({}, { deadlineMs: 60_000 }));
    await cluster.advance(200);
    const killedMs = cluster.time.nowMs;
    cluster.kill('a');
    await cluster.when(() => given.length === 1, 10_000);
    expect((given[0] as number) - killedMs).toBeLessThanOrEqual(3600);
    expect(b.node.system.ledger.expired).toBe(1);
    expect(await Promise.race([ask, Promise.resolve('silent')])).toBe('silent');
  });
});

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import type { SequencedItem } from '../../../src/runtime/definition.ts';
import type { Feed } from '../../../src/runtime/feed.ts';
import { protocol, request, signal, subscription } from '../../../src/runtime/protocol.ts';
import { RemoteSubscription } from '../../../src/runtime/remote-subscription.ts';
import { encodeToBytes } from '../../../src/runtime/wire/value.ts';
import { Cluster, type ClusterOptions, errorOf, type NodeLife } from './cluster-fixture.ts';

/** Items of a source: as many as it was told to have, sent as credits allow. */
const Source = protocol('source', {
  items: subscription({ in: z.object({ until: z.number() }), item: z.object({ n: z.number() }) }),
  go: signal({ in: z.object({ feed: z.number() }) }),
  ping: request({ in: z.object({}), out: z.string() }),
});

interface Producer {
  readonly feed: Feed<{ n: number }>;
  readonly until: number;
  changes: number;
}

interface World {
  readonly cluster: Cluster;
  readonly producers: Producer[];
  readonly source: ActorRef<typeof Source>;
  readonly a: NodeLife;
  readonly b: NodeLife;
}

async function world(options: ClusterOptions & { readonly itemBytes?: number } = {}): Promise<World> {
  const producers: Producer[] = [];
  const send = (producer: Producer): void => {
    const { feed, until } = producer;
    while (feed.nextSequence < until) if (feed.push({ n: feed.nextSequence }) !== 'sent') return;
    if (!feed.closed && until < 1000) feed.complete();
  };
  const source = behavior(Source, (context) => ({
    items({ until }, feed) {
      if (until < 0) throw new LoomError('FENCED', 'no such items');
      const producer: Producer = { feed, until, changes: 0 };
      const number = producers.push(producer) - 1;
      feed.onChange(() => {
        producer.changes++;
        context.self.tell.go({ feed: number });
      });
      send(producer);
    },
    go: ({ feed }) => send(producers[feed] as Producer),
    ping: () => 'pong',
  }));
  const cluster = await Cluster.open(['a', 'b'], {
    ...options,
    setup: ({ node }) => {
      node.system.spawn(source, { name: 'source' });
    },
  });
  const a = cluster.life('a');
  return { cluster, producers, source: a.node.ref(Source, 'b', 'source'), a, b: cluster.life('b') };
}

async function all(
  cluster: Cluster,
  items: AsyncIterable<SequencedItem<{ n: number }>>,
): Promise<readonly number[]> {
  const got: number[] = [];
  const read = (async () => {
    for await (const { sequence, item } of items) {
      expect(item.n).toBe(sequence);
      got.push(sequence);
    }
  })();
  await cluster.until(read);
  return got;
}

const upTo = (from: number, until: number): number[] =>
  Array.from({ length: until - from }, (_, i) => from + i);

describe('a subscription to an actor on another node', () => {
  it('yields every item in sequence, then its end', async () => {
    const { cluster, source, a, b } = await world();
    expect(await all(cluster, source.subscribe.items({ until: 300 }))).toEqual(upTo(0, 300));
    await cluster.advance(100);
    expect(a.node.system.ledger).toMatchObject({ sent: 1, handedOver: 1 });
    expect(b.node.system.ledger.received).toBe(1);
  });

  it('begins where it is told to', async () => {
    const { cluster, source } = await world();
    const items = source.subscribe.items({ until: 20 }, { fromSequence: 15 });
    expect(await all(cluster, items)).toEqual(upTo(15, 20));
  });

  it('never has more items on their way than credits, however fast the producer is', async () => {
    const { cluster, source, producers } = await world();
    const items = source.subscribe.items({ until: 1000 }, { credits: 8 })[Symbol.asyncIterator]();
    await cluster.advance(500);
    const [producer] = producers;
    expect(producer?.feed.nextSequence).toBe(8);
    for (let taken = 1; taken <= 40; taken++) {
      await cluster.until(items.next());
      await cluster.advance(100);
      const next = producer?.feed.nextSequence ?? 0;
      expect(next).toBeLessThanOrEqual(taken + 8);
      expect(next).toBeGreaterThan(taken + 8 - 2);
    }
  });

  it('works with one credit', async () => {
    const { cluster, source } = await world();
    expect(await all(cluster, source.subscribe.items({ until: 10 }, { credits: 1 }))).toEqual(upTo(0, 10));
  });

  it('gives the end after the items that came before it', async () => {
    const { cluster, source, producers } = await world();
    const items = source.subscribe.items({ until: 1000 }, { credits: 5 });
    await cluster.advance(100);
    producers[0]?.feed.fail(new LoomError('FENCED', 'no more'));
    await cluster.advance(100);
    const iterator = items[Symbol.asyncIterator]();
    for (let n = 0; n < 5; n++) expect(await iterator.next()).toMatchObject({ value: { sequence: n } });
    const error = await cluster.until(errorOf(iterator.next()));
    expect(error.code).toBe('FENCED');
    expect(error.message).toContain('no more');
  });

  it('goes on when items had no room on the link, and ends when the end had none', async () => {
    const { cluster, source, b } = await world({ link: { windowMessages: 64 } });
    const wide = { credits: 500 };
    const both = [source.subscribe.items({ until: 400 }, wide), source.subscribe.items({ until: 300 }, wide)];
    const read = both.map(async (items) => {
      let count = 0;
      for await (const _ of items) count++;
      return count;
    });
    expect(await cluster.until(Promise.all(read))).toEqual([400, 300]);
    expect(b.node.inFlight()).toBe(0);
  });

  it('tells the producer when the consumer goes away', async () => {
    const { cluster, source, producers } = await world();
    const items = source.subscribe.items({ until: 1000 }, { credits: 5 });
    for await (const { sequence } of within(cluster, items)) if (sequence === 2) break;
    await cluster.advance(100);
    expect(producers[0]?.feed.closed).toBe(true);
    expect(producers[0]?.changes).toBeGreaterThan(0);
    expect(producers[0]?.feed.push({ n: 0 })).toBe('closed');
  });

  it('tells the producer when the consumer’s signal is aborted, before it arrived too', async () => {
    const { cluster, source, producers } = await world();
    const controller = new AbortController();
    source.subscribe.items({ until: 1000 }, { signal: controller.signal });
    controller.abort();
    source.subscribe.items({ until: 1000 }, { signal: AbortSignal.abort() });
    await cluster.advance(100);
    expect(producers.length).toBeGreaterThan(0);
    for (const { feed } of producers) expect(feed.closed).toBe(true);
  });

  it('fails with the handler, with no such actor, with a body that cannot be sent', async () => {
    const { cluster, source, a } = await world();
    const first = (items: AsyncIterable<unknown>): Promise<LoomError> =>
      errorOf(items[Symbol.asyncIterator]().next());
    expect((await cluster.until(first(source.subscribe.items({ until: -1 })))).code).toBe('HANDLER_FAILED');
    const nobody = a.node.ref(Source, 'b', 'nobody');
    expect((await cluster.until(first(nobody.subscribe.items({ until: 1 })))).code).toBe('NO_SUCH_ACTOR');
    const wrong = { until: (() => 1) as unknown as number };
    expect((await cluster.until(first(source.subscribe.items(wrong)), 0)).code).toBe('INVALID_MESSAGE');
    const bad = { until: 'x' as unknown as number };
    expect((await cluster.until(first(source.subscribe.items(bad)))).message).toContain('source.items.until');
    await cluster.advance(100);
  });

  it('ends on both sides with the link, after what had arrived', async () => {
    const { cluster, source, producers } = await world();
    const items = source.subscribe.items({ until: 1000 }, { credits: 5 })[Symbol.asyncIterator]();
    await cluster.advance(100);
    cluster.cut('a', 'b');
    await cluster.advance(4000);
    for (let n = 0; n < 5; n++) expect(await items.next()).toMatchObject({ value: { sequence: n } });
    expect((await cluster.until(errorOf(items.next()), 0)).code).toBe('UNKNOWN_OUTCOME');
    cluster.heal();
    await cluster.advance(4000);
    await cluster.until(source.ask.ping({}));
    expect(producers[0]?.feed.closed).toBe(true);
  });

  it('ends with NODE_LOST when the producer’s node is gone', async () => {
    const { cluster, source } = await world();
    const items = source.subscribe.items({ until: 1000 }, { credits: 5 })[Symbol.asyncIterator]();
    await cluster.advance(100);
    cluster.kill('b');
    const read = (async () => {
      for (;;) await items.next();
    })();
    const error = await cluster.until(errorOf(read), 3600);
    expect(['NODE_LOST', 'UNKNOWN_OUTCOME']).toContain(error.code);
  });

  it('is forgotten on both sides when it is over', async () => {
    const { cluster, source, a, b } = await world();
    for (let i = 0; i < 50; i++) await all(cluster, source.subscribe.items({ until: 3 }));
    await cluster.advance(2000);
    const sentBytes = cluster.network.bytesSent('a', 'b') + cluster.network.bytesSent('b', 'a');
    await cluster.advance(10_000);
    // Nothing is pinged, acknowledged or credited any more.
    expect(cluster.network.bytesSent('a', 'b') + cluster.network.bytesSent('b', 'a')).toBe(sentBytes);
    expect(a.node.inFlight() + b.node.inFlight()).toBe(0);
  });
});

describe('RS1: a producer that does not keep to what was agreed', () => {
  const body = encodeToBytes({ n: 1 });

  function consumer(): { subscription: RemoteSubscription; ends: boolean[] } {
    const ends: boolean[] = [];
    const subscription = new RemoteSubscription({
      correlation: 1,
      definition: Source.messages.items,
      target: 'b/source',
      credits: 2,
      fromSequence: 5,
      credit: () => undefined,
      over: (_its, givenUp) => ends.push(givenUp),
    });
    return { subscription, ends };
  }

  it('ends the subscription: out of turn, beyond the credits, or with an item that does not fit', async () => {
    const stories: readonly (readonly [readonly number[], Uint8Array, string])[] = [
      [[6], body, 'FRAME_MALFORMED'],
      [[5, 5], body, 'FRAME_MALFORMED'],
      [[5, 6, 7], body, 'FRAME_MALFORMED'],
      [[5], encodeToBytes({ n: 'x' }), 'INVALID_MESSAGE'],
      [[5], new Uint8Array([255]), 'FRAME_MALFORMED'],
    ];
    for (const [sequences, bytes, code] of stories) {
      const { subscription, ends } = consumer();
      for (const sequence of sequences)
        subscription.item({ kind: 'item', correlation: 1, sequence, body: bytes });
      expect(ends).toEqual([true]);
      const read = (async () => {
        for await (const _ of subscription.feed);
      })();
      expect((await errorOf(read)).code).toBe(code);
      subscription.item({ kind: 'item', correlation: 1, sequence: 5, body });
      subscription.ended({ ok: true });
      expect(ends).toEqual([true]);
    }
  });
});

/** Lets time pass while the consumer waits. */
async function* within<T>(cluster: Cluster, items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await cluster.until(iterator.next());
      if (done === true) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

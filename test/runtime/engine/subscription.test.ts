import { describe, expect, it } from 'vitest';
import type { SequencedItem } from '../../../src/runtime/definition.ts';
import type { Feed } from '../../../src/runtime/feed.ts';
import { LocalFeed } from '../../../src/runtime/feed.ts';
import { codeOf, type Feeding, fail, puppet } from './puppet.ts';
import { type PuppetRef, World } from './world.ts';

/** Reads what is there, until the end or until `most` items. */
async function read(
  items: AsyncIterable<SequencedItem<string>>,
  most = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const seen: string[] = [];
  if (most === 0) return seen;
  try {
    for await (const { sequence, item } of items) {
      seen.push(`${sequence}${item}`);
      if (seen.length === most) break;
    }
    if (seen.length < most) seen.push('end');
  } catch (error) {
    seen.push((error as { code: string }).code);
  }
  return seen;
}

function producing(feeding: (feed: Feed<string>) => void): { feeding: Feeding; feed(): Feed<string> } {
  let held: Feed<string> | undefined;
  return {
    feeding: (feed) => {
      held = feed;
      feeding(feed);
    },
    feed: () => held as Feed<string>,
  };
}

function start(world: World): PuppetRef {
  return world.system.spawn(
    puppet([], { restart: { backoff: { minMs: 10, maxMs: 10, factor: 1, jitter: 0 } } }),
  );
}

describe('subscriptions', () => {
  it('number their items, from 0 or from where the consumer resumes', async () => {
    for (const from of [0, 41]) {
      const world = new World();
      const items = start(world).subscribe.feed(
        (feed) => {
          feed.push('a');
          feed.push('b');
          feed.complete();
        },
        { fromSequence: from },
      );
      expect(await world.until(read(items))).toEqual([`${from}a`, `${from + 1}b`, 'end']);
    }
  });

  it('never send ahead of the credits; each item taken gives one back and tells the producer', async () => {
    const world = new World();
    const log: string[] = [];
    const source = producing((feed) => {
      feed.onChange(() => log.push(`room for ${feed.credits}`));
      log.push(feed.push('a'), feed.push('b'), feed.push('c'));
    });
    const items = start(world).subscribe.feed(source.feeding, { credits: 2 });
    await world.run();
    expect(log).toEqual(['sent', 'sent', 'no-credit']);
    const iterator = items[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: { sequence: 0, item: 'a' } });
    expect(log.at(-1)).toBe('room for 1');
    expect([source.feed().push('c'), source.feed().push('d')]).toEqual(['sent', 'no-credit']);
    expect(source.feed().nextSequence).toBe(3);
  });

  it('a consumer that waits is served without using up credits', async () => {
    const feed = new LocalFeed<string>(0, 1);
    const next = feed.next();
    expect([feed.push('a'), feed.credits, feed.push('b'), feed.push('c')]).toEqual([
      'sent',
      1,
      'sent',
      'no-credit',
    ]);
    expect(await next).toEqual({ done: false, value: { sequence: 0, item: 'a' } });
  });

  it('one reader, one item at a time', async () => {
    const feed = new LocalFeed<string>(0, 1);
    void feed.next();
    expect(await codeOf(feed.next())).toBe('INTERNAL');
  });

  it('a consumer that leaves closes the feed and tells the producer', async () => {
    const world = new World();
    let told = 0;
    const source = producing((feed) => {
      feed.onChange(() => told++);
      feed.push('a');
    });
    const items = start(world).subscribe.feed(source.feeding);
    expect(await world.until(read(items, 1))).toEqual(['0a']);
    expect([source.feed().closed, source.feed().push('b')]).toEqual([true, 'closed']);
    expect(told, 'of the leave alone: the item went to a waiting consumer').toBe(1);
  });

  it('end with the consumer’s signal, also one that was aborted before', async () => {
    for (const early of [true, false]) {
      const world = new World();
      const controller = new AbortController();
      if (early) controller.abort();
      const source = producing((feed) => void feed.push('a'));
      const items = start(world).subscribe.feed(source.feeding, { signal: controller.signal });
      await world.run();
      controller.abort();
      expect(source.feed().closed).toBe(true);
      expect(await world.until(read(items))).toEqual(['end']);
    }
  });

  it('fail when the producer restarts, stops or is killed, after the items that were sent', async () => {
    for (const end of ['restart', 'stop', 'kill'] as const) {
      const world = new World();
      const ref = start(world);
      const items = ref.subscribe.feed((feed) => void feed.push('a'));
      const seen = read(items);
      await world.run();
      if (end === 'restart') ref.tell.act(() => fail());
      else if (end === 'stop') await world.until(world.system.stop(ref));
      else world.system.kill(ref);
      expect(await world.until(seen), end).toEqual(['0a', 'STALE_INCARNATION']);
    }
  });

  it('fail at once when the actor is gone, its mailbox full, or its handler throws', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet([], { mailbox: { capacity: 1 } }));
    const one = ref.subscribe.feed(() => fail());
    const two = ref.subscribe.feed(() => undefined);
    expect(await world.until(read(two))).toEqual(['MAILBOX_FULL']);
    expect(await world.until(read(one))).toEqual(['HANDLER_FAILED']);
    await world.until(world.system.stop(ref));
    expect(await world.until(read(ref.subscribe.feed(() => undefined)))).toEqual(['NO_SUCH_ACTOR']);
    expect(world.system.ledger).toMatchObject({ sent: 3, failed: 1, refused: 1, deadLettered: 1 });
  });

  it('an actor’s own subscription ends with its incarnation, not with the turn that made it', async () => {
    const world = new World();
    const log: string[] = [];
    const source = producing(() => undefined);
    const producer = start(world);
    const consumer = world.system.spawn(puppet(log));
    consumer.tell.act((context) => {
      context.pipe(read(context.to(producer).subscribe.feed(source.feeding), 2), (settled, self) =>
        self.note(settled.ok ? settled.value.join() : 'failed'),
      );
    });
    await world.run();
    source.feed().push('a');
    source.feed().push('b');
    await world.run();
    expect(log).toEqual(['start 1', '0a,1b']);
    consumer.tell.act((context) => {
      context.to(producer).subscribe.feed(source.feeding);
    });
    await world.run();
    consumer.tell.act(() => fail());
    await world.run();
    expect(source.feed().closed).toBe(true);
  });

  it('an ask aside outlives its turn’s deadline, and ends with the incarnation', async () => {
    const world = new World();
    const target = world.system.spawn(puppet());
    const codes: Promise<string>[] = [];
    const ref = world.system.spawn(puppet());
    const outer = ref.ask.call(
      (context) => {
        codes.push(codeOf(context.aside(target).ask.call((c) => c.stash(), { deadlineMs: 1000 })));
      },
      { deadlineMs: 10 },
    );
    await world.until(outer);
    await world.run(500);
    expect(world.system.inFlight()).toBe(1);
    world.system.kill(ref);
    expect(await Promise.all(codes)).toEqual(['CANCELLED']);
  });

  it('an actor’s own signal counts beside its incarnation', async () => {
    const world = new World();
    const controller = new AbortController();
    const source = producing(() => undefined);
    const producer = start(world);
    start(world).tell.act((context) => {
      context.to(producer).subscribe.feed(source.feeding, { signal: controller.signal });
    });
    await world.run();
    expect(source.feed().closed).toBe(false);
    controller.abort();
    expect(source.feed().closed).toBe(true);
  });

  it('a producer that ended hears nothing more; one whose listener throws fails its feed', async () => {
    const ended = new LocalFeed<string>(0, 4);
    let told = 0;
    ended.onChange(() => told++);
    ended.push('a');
    ended.complete();
    expect(await read(ended)).toEqual(['0a', 'end']);
    ended.cancel();
    expect(told).toBe(0);
    const broken = new LocalFeed<string>(0, 4);
    broken.onChange(() => fail('bad listener'));
    broken.push('a');
    expect(await read(broken)).toEqual(['0a', 'HANDLER_FAILED']);
  });

  it('let go of the consumer’s signal at their end', () => {
    for (const end of ['complete', 'fail', 'cancel'] as const) {
      let listeners = 0;
      const feed = new LocalFeed<string>(0, 1);
      feed.follow({
        aborted: false,
        addEventListener: () => void listeners++,
        removeEventListener: () => void listeners--,
      });
      expect(listeners).toBe(1);
      if (end === 'fail') feed.fail(new (class extends Error {})('x') as never);
      else feed[end]();
      expect(listeners, end).toBe(0);
    }
  });
});

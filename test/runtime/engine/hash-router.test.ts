import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import { type HashRouter, hashRouter } from '../../../src/runtime/hash-router.ts';
import { protocol, request, signal, subscription } from '../../../src/runtime/protocol.ts';
import { unchecked } from '../../../src/runtime/schema.ts';
import { codeOf } from './puppet.ts';
import { World } from './world.ts';

interface Entry {
  readonly key: string;
  readonly value: number;
}

const Store = protocol('store', {
  put: signal({ in: unchecked<Entry>() }),
  where: request({ in: unchecked<Entry>(), out: unchecked<string>(), errors: ['FENCED'] }),
  list: subscription({ in: unchecked<Entry>(), item: unchecked<string>() }),
});

type StoreRef = ActorRef<typeof Store>;

class Stores {
  readonly world = new World();
  readonly log: string[] = [];
  readonly refs: StoreRef[] = [];
  readonly router: HashRouter<typeof Store>;

  constructor(count: number) {
    for (let i = 0; i < count; i++) this.refs.push(this.start(`s${i}`));
    this.router = hashRouter(Store, this.refs, ({ key }) => key);
  }

  start(name: string): StoreRef {
    return this.world.system.spawn(
      behavior(Store, (context) => ({
        put: ({ key, value }) => {
          this.log.push(`${context.self.address} ${key} ${value}`);
        },
        where: () => context.self.address,
        list: (_entry, feed) => {
          feed.push(context.self.address);
          feed.complete();
        },
      })),
      { name },
    );
  }
}

const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`);
const owners = (router: HashRouter<typeof Store>) => keys.map((key) => router.refOf(key)?.address);

describe('one actor for each key (HR1)', () => {
  it('tell, ask, attempt and subscribe of one key reach the same actor', async () => {
    const { world, log, router } = new Stores(5);
    for (const key of keys.slice(0, 20)) {
      const entry = { key, value: 1 };
      const owner = router.refOf(key)?.address;
      expect(router.tell.put(entry)).toBe('accepted');
      expect(await world.until(router.ask.where(entry))).toBe(owner);
      expect(await world.until(router.attempt.where(entry))).toEqual({ ok: true, value: owner });
      const items: string[] = [];
      for await (const { item } of router.subscribe.list(entry)) items.push(item);
      expect(items).toEqual([owner]);
      expect(log.pop()).toBe(`${owner} ${key} 1`);
    }
  });

  it('uses all actors', () => {
    expect(new Set(owners(new Stores(5).router)).size).toBe(5);
  });

  it('keeps the order of a key', async () => {
    const { world, log, router } = new Stores(3);
    for (let value = 0; value < 50; value++)
      for (const key of ['a', 'b', 'c', 'd']) router.tell.put({ key, value });
    await world.run();
    for (const key of ['a', 'b', 'c', 'd']) {
      const owner = router.refOf(key)?.address;
      const mine = log.filter((line) => line.includes(` ${key} `));
      expect(mine).toEqual(Array.from({ length: 50 }, (_, value) => `${owner} ${key} ${value}`));
    }
  });

  it('gives the name of the message to the function of the key', async () => {
    const { world, refs } = new Stores(2);
    const names: string[] = [];
    const router = hashRouter(Store, refs, ({ key }, name) => {
      names.push(name);
      return key;
    });
    router.tell.put({ key: 'a', value: 1 });
    await world.until(router.ask.where({ key: 'a', value: 1 }));
    expect(names).toEqual(['put', 'where']);
  });

  it('works bound to a turn', async () => {
    const { world, refs, router } = new Stores(1);
    const Asker = protocol('asker', { go: request({ in: unchecked<string>(), out: unchecked<string>() }) });
    const asker = world.system.spawn(
      behavior(Asker, (context) => ({
        go: (key) => context.to(router).ask.where({ key, value: 0 }),
      })),
    );
    expect(await world.until(asker.ask.go('a'))).toBe(refs[0]?.address);
  });

  it('says what the function of the key throws', async () => {
    const { refs } = new Stores(1);
    const router = hashRouter(Store, refs, () => {
      throw new Error('no key');
    });
    expect(() => router.tell.put({ key: '', value: 1 })).toThrow('no key');
    await expect(router.ask.where({ key: '', value: 1 })).rejects.toThrow('no key');
  });
});

it('moves only the keys of the actor that comes or goes (HR2)', () => {
  const { router, refs } = new Stores(9);
  fc.assert(
    fc.property(fc.subarray(refs, { minLength: 2 }), fc.nat(), (set, pick) => {
      const all = router.withRefs(set);
      const changed = set[pick % set.length] as StoreRef;
      const fewer = all.withRefs(set.filter((ref) => ref !== changed));
      const [before, after] = [owners(all), owners(fewer)];
      for (const [i, owner] of before.entries()) {
        if (owner === changed.address) expect(after[i]).not.toBe(owner);
        else expect(after[i]).toBe(owner);
      }
      expect(owners(fewer.withRefs(set.toReversed())), 'whatever the order of the set').toEqual(before);
    }),
  );
});

it('spreads the keys evenly enough', () => {
  const { router } = new Stores(4);
  const counts = new Map<string | undefined, number>();
  for (let i = 0; i < 4000; i++) {
    const owner = router.refOf(`k${i}`)?.address;
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

describe('an empty set (HR3)', () => {
  it('refuses at once, and no ledger counts it', async () => {
    const { world, router } = new Stores(1);
    const empty = router.withRefs([]);
    const entry = { key: 'a', value: 1 };
    expect(empty.tell.put(entry)).toBe('gone');
    expect(await codeOf(empty.ask.where(entry))).toBe('NO_SUCH_ACTOR');
    expect(await empty.attempt.where(entry)).toMatchObject({ ok: false, error: { code: 'NO_SUCH_ACTOR' } });
    const items = empty.subscribe.list(entry)[Symbol.asyncIterator]();
    expect(await codeOf(items.next())).toBe('NO_SUCH_ACTOR');
    expect(world.system.ledger.sent).toBe(0);
    expect(router.tell.put(entry), 'the other router stays as it is').toBe('accepted');
  });

  it('is not the same as a stopped actor, which refuses its own keys', async () => {
    const { world, refs, router } = new Stores(2);
    const key = keys.find((candidate) => router.refOf(candidate) === refs[0]) as string;
    await world.until(world.system.stop(refs[0] as StoreRef));
    expect(await codeOf(router.ask.where({ key, value: 1 }))).toBe('NO_SUCH_ACTOR');
    expect(await world.until(router.withRefs(refs.slice(1)).ask.where({ key, value: 1 }))).toBe('n1/s1');
  });

  it('ends never', async () => {
    const { world, refs, router } = new Stores(1);
    let ended = 0;
    const off = router.onTerminated(() => ended++);
    world.system.kill(refs[0] as StoreRef);
    await world.run();
    off();
    expect(ended).toBe(0);
    expect(router.address).toBe('hash-router/store');
  });
});

describe('the set (HR4)', () => {
  it('has a limit, and counts an actor once', () => {
    const { refs, router } = new Stores(1);
    const many = Array.from(
      { length: 1025 },
      (_, i) => ({ protocol: Store, address: `n1/${i}` }) as StoreRef,
    );
    expect(() => router.withRefs(many)).toThrow('INVALID_DEFINITION');
    expect(router.withRefs(many.slice(1)).refOf('a')).toBeDefined();
    expect(() => router.withRefs([...refs, ...refs, ...many.slice(2)])).not.toThrow();
  });

  it('is of one protocol', () => {
    const { router, world } = new Stores(0);
    const Other = protocol('other', { put: signal({ in: unchecked<Entry>() }) });
    const other = world.system.spawn(behavior(Other, () => ({ put: () => undefined })));
    expect(() => router.withRefs([other as unknown as StoreRef])).toThrow('INVALID_DEFINITION');
  });
});

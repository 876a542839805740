import { expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { codeOf, fail, Gate, type Puppet, type PuppetContext, puppet } from './puppet.ts';
import { World } from './world.ts';

const backoff = { minMs: 100, maxMs: 100, factor: 1, jitter: 0 };

it('makes incarnation n+1 under the same reference', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(puppet(log, { restart: { backoff } }), { name: 'a' });
  ref.tell.act(() => fail());
  await world.run(100);
  expect(log).toEqual(['start 1', 'start 2']);
  expect(ref.tell.note('still there')).toBe('accepted');
  await world.run();
  expect(log.at(-1)).toBe('still there');
  expect(world.system.find('a')).toBe(ref);
});

it('keeps the mailbox, also while it waits for its backoff', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(puppet(log, { restart: { backoff } }));
  ref.tell.act(() => fail());
  ref.tell.note('before');
  await world.run(50);
  ref.tell.note('during');
  expect(log).toEqual(['start 1']);
  await world.run(50);
  expect(log).toEqual(['start 1', 'start 2', 'before', 'during']);
});

it('puts the stash back in front of the mailbox, in its order', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(puppet(log, { restart: { backoff } }));
  const stashed = (name: string) => (context: PuppetContext) => {
    if (context.incarnation === 1) context.stash();
    else log.push(name);
  };
  ref.tell.act(stashed('first'));
  ref.tell.act(stashed('second'));
  ref.tell.act(() => fail());
  ref.tell.note('waiting');
  await world.run(100);
  expect(log).toEqual(['start 1', 'start 2', 'first', 'second', 'waiting']);
});

it('does not give the failing message again, and its asker gets the error', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(puppet(log, { restart: { backoff } }));
  let times = 0;
  const attempt = ref.attempt.call(() => {
    times++;
    fail('no luck');
  });
  const answer = await world.until(attempt);
  expect(answer.ok ? '' : answer.error.code).toBe('HANDLER_FAILED');
  expect(answer.ok ? '' : answer.error.message).toContain('no luck');
  await world.run(500);
  expect(times).toBe(1);
  expect(log).toEqual(['start 1', 'start 2']);
});

it('cancels the timers of the old incarnation', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(
    puppet(log, {
      restart: { backoff },
      setup: (context) => {
        if (context.incarnation > 1) return;
        context.after(150, (self) => self.note('late'));
        context.every(50, (self) => self.note('tick'));
      },
    }),
  );
  await world.run(60);
  ref.tell.act(() => fail());
  await world.run(1000);
  expect(log).toEqual(['start 1', 'tick', 'start 2']);
});

it('stops the children, last started first, before the new setup', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(
    puppet(log, {
      restart: { backoff },
      setup: (context) => {
        if (context.incarnation > 1) return;
        for (const name of ['x', 'y'])
          context.spawn(puppet([], { setup: (c) => c.onStop(() => void log.push(`stop ${name}`)) }), {
            name,
          });
      },
    }),
    { name: 'a' },
  );
  ref.tell.act(() => fail());
  await world.run(100);
  expect(log).toEqual(['start 1', 'stop y', 'stop x', 'start 2']);
  expect(world.system.find('a/x')).toBeUndefined();
});

it('kills what a stop hook of the ending incarnation started', async () => {
  const world = new World();
  const ref = world.system.spawn(
    puppet([], {
      restart: { backoff },
      setup: (c) => c.onStop(() => void c.spawn(puppet(), { name: 'stowaway' })),
    }),
    { name: 'a' },
  );
  ref.tell.act(() => fail());
  await world.run(100);
  expect(world.system.find('a')).toBeDefined();
  expect(world.system.find('a/stowaway')).toBeUndefined();
  expect(world.system.actorCount).toBe(1);
});

it('cancels the asks that the actor sent, from this turn and from earlier ones; late replies are records', async () => {
  const world = new World();
  const gate = new Gate();
  const target = world.system.spawn(puppet());
  const asked: Promise<string>[] = [];
  const slow = (context: PuppetContext, to: ActorRef<typeof Puppet>) =>
    asked.push(codeOf(context.to(to).ask.call(() => gate.opened)));
  const ref = world.system.spawn(puppet([], { restart: { backoff } }));
  ref.tell.act((context) => void slow(context, target));
  await world.run();
  ref.tell.act((context) => {
    slow(context, world.system.spawn(puppet()));
    fail();
  });
  await world.run();
  expect(await Promise.all(asked)).toEqual(['CANCELLED', 'CANCELLED']);
  gate.open();
  await world.run();
  expect(world.system.ledger.lateReplies).toBe(2);
  expect(world.of('late-reply')).toHaveLength(2);
  expect(world.letters()).toEqual(['failed HANDLER_FAILED act']);
});

it('fails a deferred reply that the ended incarnation owed, and tells a reply that comes too late', async () => {
  const world = new World();
  const ref = world.system.spawn(puppet([], { restart: { backoff } }));
  let reply: { resolve(value: unknown): void } | undefined;
  const owed = codeOf(
    ref.ask.call((_context, turn) => {
      reply = turn.defer();
      return reply;
    }),
  );
  await world.run();
  ref.tell.act(() => fail());
  expect(await world.until(owed, 10)).toBe('UNKNOWN_OUTCOME');
  reply?.resolve('late');
  expect(world.system.ledger.lateReplies).toBe(1);
});

it('lets go of deferred replies that were given, however many an incarnation has', async () => {
  const world = new World();
  const ref = world.system.spawn(puppet());
  let held = 0;
  for (let i = 0; i < 1000; i++) {
    await ref.ask.call((_context, turn) => {
      Object.defineProperty(turn, 'fail', { value: () => held++ });
      const reply = turn.defer();
      void Promise.resolve().then(() => reply.resolve(i));
      return reply;
    });
  }
  await world.until(world.system.stop(ref));
  expect(held).toBeLessThan(100);
});

it('does not tell watchers of a restart', async () => {
  const world = new World();
  const ref = world.system.spawn(puppet([], { restart: { backoff } }));
  const ends: string[] = [];
  ref.onTerminated((terminated) => ends.push(`${terminated.incarnation} ${terminated.reason}`));
  ref.tell.act(() => fail());
  await world.run(200);
  expect(ends).toEqual([]);
  await world.until(world.system.stop(ref));
  expect(ends).toEqual(['2 stopped']);
});

it('refuses what the old incarnation does later, and what it answers later changes nothing', async () => {
  const world = new World();
  const log: string[] = [];
  const gate = new Gate();
  const ref = world.system.spawn(puppet(log, { restart: { backoff }, stopMs: 1000 }));
  const refused: string[] = [];
  ref.tell.act((context) => {
    void gate.opened.then(() => {
      for (const use of [
        () => context.spawn(puppet()),
        () => context.after(1, () => undefined),
        () => context.to(ref),
        () => context.stop(),
        () => context.stash(),
        () => context.watch(ref, () => undefined),
        () => context.port({}),
        () => context.onStop(() => undefined),
        () => context.pipe(Promise.resolve(), () => undefined),
      ]) {
        try {
          use();
          refused.push('allowed');
        } catch (error) {
          refused.push((error as { code: string }).code);
        }
      }
    });
    fail();
  });
  await world.run(200);
  gate.open();
  await world.run();
  expect(refused).toEqual(new Array(9).fill('STALE_INCARNATION'));
});

it('cuts off a turn that outlives the stop limit; its late answer is a record and disturbs no later turn', async () => {
  const world = new World();
  const log: string[] = [];
  const gate = new Gate();
  const parent = world.system.spawn(puppet([], { supervise: { strategy: 'all-for-one' } }));
  let slow: ActorRef<typeof Puppet> | undefined;
  let broken: ActorRef<typeof Puppet> | undefined;
  parent.tell.act((context) => {
    slow = context.spawn(puppet(log, { stopMs: 500, restart: { backoff } }));
    broken = context.spawn(puppet([], { restart: { backoff } }));
  });
  await world.run();
  const cut = codeOf((slow as ActorRef<typeof Puppet>).ask.call(() => gate.opened));
  await world.run();
  broken?.tell.act(() => fail());
  await world.run(499);
  expect(log).toEqual(['start 1']);
  await world.run(200);
  expect(await cut).toBe('UNKNOWN_OUTCOME');
  expect(world.of('stop-overdue')).toHaveLength(1);
  const other = new Gate();
  slow?.tell.act(() => other.opened);
  slow?.tell.note('after');
  await world.run();
  gate.open();
  await world.run();
  expect(log).toEqual(['start 1', 'start 2']);
  expect(world.system.ledger.lateReplies).toBe(1);
  other.open();
  await world.run();
  expect(log).toEqual(['start 1', 'start 2', 'after']);
});

it('runs stop hooks once when a stop overtakes a restart, last registered first, each though one throws', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(
    puppet([], {
      restart: { backoff },
      setup: (context) => {
        context.onStop(() => void log.push('first'));
        context.onStop(() => fail('hook'));
        context.onStop(async () => {
          await new Promise<void>((resolve) => world.clock.after(20, resolve));
          log.push('last');
        });
      },
    }),
  );
  ref.tell.act(() => fail());
  await world.run(10);
  const stopped = world.system.stop(ref);
  await world.until(stopped);
  await world.run(1000);
  expect(log).toEqual(['last', 'first']);
  expect(world.of('internal-error')).toHaveLength(1);
  expect(world.system.actorCount).toBe(0);
});

it('an asynchronous setup holds the mailbox, and fails when it takes over startMs', async () => {
  const world = new World();
  const log: string[] = [];
  const gate = new Gate();
  const ref = world.system.spawn(
    puppet(log, {
      startMs: 300,
      restart: { backoff },
      setup: (context) => (context.incarnation === 1 ? gate.opened : undefined),
    }),
  );
  ref.tell.note('waiting');
  await world.run(299);
  expect(log).toEqual(['start 1']);
  await world.run(1);
  expect(world.of('actor-failed').map(({ error }) => String(error))).toEqual([
    expect.stringContaining('setup of n1/$2 took over 300 ms'),
  ]);
  gate.open();
  await world.run(100);
  expect(log).toEqual(['start 1', 'start 2', 'waiting']);
  expect(world.of('actor-started').map(({ incarnation }) => incarnation)).toEqual([2]);
});

it('restarts an actor whose setup throws, with growing delays', async () => {
  const world = new World();
  const log: string[] = [];
  world.system.spawn(
    puppet(log, {
      restart: { backoff: { minMs: 10, maxMs: 1000, factor: 2, jitter: 0 } },
      setup: (context) => {
        log.push(`at ${world.time.nowMs}`);
        if (context.incarnation < 4) fail();
      },
    }),
  );
  await world.run(200);
  expect(log.filter((line) => line.startsWith('at'))).toEqual(['at 0', 'at 10', 'at 30', 'at 70']);
});

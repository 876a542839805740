import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { codeOf, fail, Gate, type Puppet, puppet } from './puppet.ts';
import { World } from './world.ts';

/** A parent `p` with children a, b, c that log their starts and stops. */
function tree(
  world: World,
  log: string[],
  stopMs = 5000,
  hook: (name: string) => void | Promise<void> = () => undefined,
) {
  return world.system.spawn(
    puppet([], {
      stopMs,
      setup: (context) => {
        log.push('p');
        context.onStop(() => void log.push('-p'));
        for (const name of ['a', 'b', 'c']) {
          context.spawn(
            puppet([], {
              stopMs,
              setup: (c) => {
                log.push(name);
                c.onStop(() => {
                  log.push(`-${name}`);
                  return hook(name);
                });
              },
            }),
            { name },
          );
        }
      },
    }),
    { name: 'p' },
  );
}

describe('start and stop', () => {
  it('starts in order, stops in reverse, children before their parent', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = tree(world, log);
    await world.until(world.system.stop(ref));
    expect(log).toEqual(['p', 'a', 'b', 'c', '-c', '-b', '-a', '-p']);
    expect(world.of('actor-stopped').map(({ actor }) => actor)).toEqual([
      'n1/p/c',
      'n1/p/b',
      'n1/p/a',
      'n1/p',
    ]);
    expect(world.system.actorCount).toBe(0);
  });

  it('bounds each hook by its own actor’s stopMs and tells what is overdue', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = tree(world, log, 100, (name) => (name === 'b' ? new Promise(() => undefined) : undefined));
    const stopped = world.system.stop(ref);
    await world.run(99);
    expect(log).toEqual(['p', 'a', 'b', 'c', '-c', '-b']);
    await world.run(1);
    await stopped;
    expect(log).toEqual(['p', 'a', 'b', 'c', '-c', '-b', '-a', '-p']);
    expect(world.of('stop-overdue')).toEqual([{ type: 'stop-overdue', actor: 'n1/p/b', limitMs: 100 }]);
  });

  it('waits for the running turn, whose reply still goes out; what waits becomes dead letters', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet());
    const running = codeOf(ref.ask.call(() => gate.opened));
    const waiting = codeOf(ref.ask.call(() => undefined));
    const stashless = ref.tell.note('x');
    await world.run();
    const stopped = world.system.stop(ref);
    await world.run(100);
    expect(world.system.actorCount).toBe(1);
    gate.open();
    await world.until(stopped);
    expect([await running, await waiting, stashless]).toEqual(['resolved', 'ACTOR_STOPPED', 'accepted']);
    expect(world.letters()).toEqual(['deadLettered ACTOR_STOPPED call', 'deadLettered ACTOR_STOPPED note']);
  });

  it('cuts the turn off at stopMs: its asker gets UNKNOWN_OUTCOME, its signal is aborted', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet([], { stopMs: 200 }));
    let aborted = false;
    const running = codeOf(
      ref.ask.call((_context, turn) => {
        turn.signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => undefined);
      }),
    );
    await world.run();
    const stopped = world.system.stop(ref);
    await world.run(199);
    expect(aborted).toBe(false);
    await world.run(1);
    await stopped;
    expect([await running, aborted]).toEqual(['UNKNOWN_OUTCOME', true]);
    expect(world.letters()).toEqual(['failed UNKNOWN_OUTCOME call']);
  });

  it('two stops wait for the same end', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = tree(world, log);
    await world.until(Promise.all([world.system.stop(ref), world.system.stop(ref)]));
    await world.until(world.system.stop(ref));
    expect(log.filter((line) => line === '-p')).toHaveLength(1);
  });

  it('the stash becomes dead letters too', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    const code = codeOf(ref.ask.call((context) => context.stash()));
    await world.run();
    await world.until(world.system.stop(ref));
    expect(await code).toBe('ACTOR_STOPPED');
  });

  it('stops while its setup still runs', async () => {
    const world = new World();
    const gate = new Gate();
    const log: string[] = [];
    const ref = world.system.spawn(
      puppet(log, {
        setup: async (context) => {
          await gate.opened;
          context.spawn(puppet());
        },
      }),
    );
    const code = codeOf(ref.ask.call(() => undefined));
    await world.until(world.system.stop(ref));
    gate.open();
    await world.run();
    expect(await code).toBe('ACTOR_STOPPED');
    expect(world.system.actorCount).toBe(0);
    expect(world.of('actor-started')).toEqual([]);
  });

  it('a setup that ends after the actor did starts nothing', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet([], { setup: () => gate.opened }));
    world.system.kill(ref);
    gate.open();
    await world.run();
    expect(world.of('actor-started')).toEqual([]);
    expect(world.of('actor-failed')).toEqual([]);
  });

  it('an ended incarnation leaves no timer and no watch behind', async () => {
    const world = new World();
    const target = world.system.spawn(puppet());
    let watches = 0;
    const spied = Object.create(target, {
      onTerminated: {
        value: (listener: () => void) => {
          watches++;
          const off = target.onTerminated(listener);
          return () => {
            watches--;
            off();
          };
        },
      },
    }) as typeof target;
    const ref = world.system.spawn(
      puppet([], {
        setup: (context) => {
          context.after(5000, () => undefined);
          context.every(5000, () => undefined);
          context.watch(spied, () => undefined);
        },
      }),
    );
    await world.run();
    expect(watches).toBe(1);
    world.system.kill(ref);
    const events = world.time.eventCount;
    await world.run(20_000);
    expect([watches, world.time.eventCount - events]).toEqual([0, 0]);
  });

  it('a parent stops a child of its own, and nobody else’s', async () => {
    const world = new World();
    const log: string[] = [];
    const stranger = world.system.spawn(puppet());
    const ref = tree(world, log);
    const done = ref.attempt.call(async (context) => {
      await context.stopChild(world.system.find('p/b') as ActorRef);
      log.push('stopped');
      await context.stopChild(stranger);
    });
    await world.until(done);
    expect(log.slice(4, 6)).toEqual(['-b', 'stopped']);
    expect(world.of('actor-stopped').map(({ reason }) => reason)[0]).toBe('stopped by its parent');
    expect(String(world.of('actor-failed')[0]?.error)).toContain('NO_SUCH_ACTOR');
  });
});

describe('drainActor', () => {
  it('takes nothing new, finishes its mailbox, then stops', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    const slow = () => new Promise<void>((resolve) => world.clock.after(50, resolve));
    const answers = [1, 2, 3].map(() => codeOf(ref.ask.call(slow)));
    await world.run();
    const drained = world.system.drainActor(ref, 1000);
    expect(ref.tell.note('new')).toBe('gone');
    await world.until(drained);
    expect(await Promise.all(answers)).toEqual(['resolved', 'resolved', 'resolved']);
    expect(world.time.nowMs).toBe(150);
    expect(world.of('stop-overdue')).toEqual([]);
  });

  it('stops at its limit, with what is left as dead letters, and says so', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet([], { stopMs: 100 }));
    const stuck = codeOf(ref.ask.call(() => new Promise(() => undefined)));
    const waiting = codeOf(ref.ask.call(() => undefined));
    await world.run();
    const drained = world.system.drainActor(ref, 300);
    await world.run(400);
    await drained;
    expect([await stuck, await waiting]).toEqual(['UNKNOWN_OUTCOME', 'ACTOR_STOPPED']);
    expect(world.of('stop-overdue').map(({ limitMs }) => limitMs)).toEqual([300, 100]);
  });

  it('does not wait for messages that were given up in the meantime', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet());
    ref.tell.act(() => gate.opened);
    const expired = codeOf(ref.ask.call(() => undefined, { deadlineMs: 20 }));
    await world.run();
    const drained = world.system.drainActor(ref, 1000);
    await world.run(24);
    gate.open();
    await world.until(drained, 10);
    expect(await expired).toBe('DEADLINE_EXCEEDED');
    expect(world.of('stop-overdue')).toEqual([]);
  });

  it('asks that wait for room are handled as well', async () => {
    const world = new World();
    const log: string[] = [];
    const gate = new Gate();
    const ref = world.system.spawn(puppet(log, { mailbox: { capacity: 1, overflow: 'block' } }));
    ref.tell.act(() => gate.opened);
    await world.run();
    ref.tell.note('1');
    const blocked = codeOf(ref.ask.call(() => log.push('2')));
    const drained = world.system.drainActor(ref, 1000);
    gate.open();
    await world.until(drained);
    expect([await blocked, ...log]).toEqual(['resolved', 'start 1', '1', '2']);
  });

  it('an actor that starts or restarts is drained when it runs', async () => {
    const world = new World();
    const log: string[] = [];
    const gate = new Gate();
    const starting = world.system.spawn(puppet(log, { setup: () => gate.opened }));
    starting.tell.note('for the starting');
    const restarting = world.system.spawn(puppet(log, { restart: { backoff: { minMs: 50, maxMs: 50 } } }));
    restarting.tell.act(() => fail());
    restarting.tell.note('for the restarting');
    await world.run();
    const drained = [starting, restarting].map((ref) => world.system.drainActor(ref, 1000));
    await world.run(100);
    gate.open();
    await world.until(Promise.all(drained));
    expect(log).toEqual(['start 1', 'start 1', 'start 2', 'for the restarting', 'for the starting']);
    expect(world.system.actorCount).toBe(0);
  });

  it('an actor whose messages are given up while it starts is drained as soon as it runs', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet([], { setup: () => gate.opened }));
    const expired = codeOf(ref.ask.call(() => undefined, { deadlineMs: 10 }));
    const drained = world.system.drainActor(ref, 1000);
    await world.run(100);
    gate.open();
    await world.until(drained, 10);
    expect(await expired).toBe('DEADLINE_EXCEEDED');
    expect(world.of('stop-overdue')).toEqual([]);
  });

  it('two drains wait for the same end', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    ref.tell.act(() => new Promise<void>((resolve) => world.clock.after(50, resolve)));
    ref.tell.note('waits');
    await world.until(Promise.all([world.system.drainActor(ref, 100), world.system.drainActor(ref, 100)]));
    expect(log).toEqual(['start 1', 'waits']);
  });

  it('a failure while it drains restarts nothing', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    ref.tell.act(() => fail());
    ref.tell.note('next');
    await world.until(world.system.drainActor(ref, 1000));
    expect(log).toEqual(['start 1', 'next']);
  });
});

describe('kill and crash', () => {
  it('a kill ends the actor and its children at once, with no hook', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = tree(world, log);
    const turn = codeOf(ref.ask.call(() => new Promise(() => undefined)));
    await world.run();
    world.system.kill(ref);
    expect(world.system.actorCount).toBe(0);
    expect(await turn).toBe('UNKNOWN_OUTCOME');
    await world.run(10_000);
    expect(log).toEqual(['p', 'a', 'b', 'c']);
  });

  it('a kill during a stop or a restart leaves no hook to run after it', async () => {
    for (const first of ['stop', 'restart'] as const) {
      const world = new World();
      const log: string[] = [];
      const ref = world.system.spawn(
        puppet([], {
          setup: (context) => {
            context.onStop(() => void log.push('second'));
            context.onStop(() => new Promise<void>((resolve) => world.clock.after(50, resolve)));
          },
        }),
      );
      const stopped = first === 'stop' ? world.system.stop(ref) : undefined;
      if (first === 'restart') ref.tell.act(() => fail());
      await world.run(10);
      world.system.kill(ref);
      await world.run(1000);
      await stopped;
      expect(log, first).toEqual([]);
      expect(world.of('actor-restarting'), first).toEqual([]);
      expect(world.system.actorCount).toBe(0);
    }
  });

  it('a kill from within its own turn books that turn once', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    const killed = codeOf(
      ref.ask.call(() => {
        world.system.kill(ref);
        throw new LoomError('FENCED', 'an answer after the kill');
      }),
    );
    await world.run();
    expect(await killed).toBe('UNKNOWN_OUTCOME');
    expect(world.system.ledger).toMatchObject({ sent: 1, failed: 1, handled: 0 });
  });

  it('a crash ends every actor with no hook', async () => {
    const world = new World();
    const log: string[] = [];
    tree(world, log);
    world.system.crash();
    await world.run(10_000);
    expect(log).toEqual(['p', 'a', 'b', 'c']);
    expect(world.system.actorCount).toBe(0);
    expect(() => world.system.spawn(puppet())).toThrow('ACTOR_STOPPED');
  });

  it('close stops all, last started first, sets no timer behind it, and may be called again', async () => {
    const world = new World();
    const log: string[] = [];
    tree(world, log);
    const last = world.system.spawn(puppet([], { setup: (c) => c.onStop(() => void log.push('-last')) }));
    expect(await world.until(last.ask.call(() => 1))).toBe(1);
    await world.until(world.system[Symbol.asyncDispose]());
    await world.until(world.system.close());
    expect(log.slice(4)).toEqual(['-last', '-c', '-b', '-a', '-p']);
    expect(world.system.actorCount).toBe(0);
    const events = world.time.eventCount;
    await world.run(60_000);
    expect(world.time.eventCount).toBe(events);
    expect(last.tell.note('x')).toBe('gone');
  });
});

describe('names and limits', () => {
  it('names are unique among siblings, without a slash, not empty, not like a number’s', () => {
    const world = new World();
    world.system.spawn(puppet(), { name: 'a' });
    for (const name of ['a', '', 'a/b', '$1', 'x'.repeat(201)]) {
      expect(() => world.system.spawn(puppet(), { name }), name).toThrow('INVALID_DEFINITION');
    }
    expect(world.system.actorCount).toBe(1);
  });

  it('an ended actor’s name is free again; a reference to the old one stays dead', async () => {
    const world = new World();
    const old = world.system.spawn(puppet(), { name: 'a' });
    await world.until(world.system.stop(old));
    const log: string[] = [];
    const next = world.system.spawn(puppet(log), { name: 'a' });
    expect([old.tell.note('to the old'), next.tell.note('to the new')]).toEqual(['gone', 'accepted']);
    await world.run();
    expect(log).toEqual(['start 1', 'to the new']);
  });

  it('finds actors by path', () => {
    const world = new World();
    tree(world, []);
    const unnamed = world.system.spawn(puppet());
    expect(world.system.find('p/b')?.address).toBe('n1/p/b');
    expect(world.system.find(unnamed.address.slice('n1/'.length))).toBe(unnamed);
    for (const path of ['', 'p/x', 'b', 'p/b/c', '$999']) expect(world.system.find(path)).toBeUndefined();
  });

  it('refuses one actor more than maxActors with NODE_LIMIT, and takes one again after an end', async () => {
    const world = new World({ maxActors: 2 });
    const first = world.system.spawn(puppet());
    world.system.spawn(puppet());
    expect(() => world.system.spawn(puppet())).toThrow('NODE_LIMIT');
    await world.until(world.system.stop(first));
    expect(world.system.spawn(puppet()).tell.note('x')).toBe('accepted');
  });

  it('a stopping parent starts no children', async () => {
    const world = new World();
    const codes: string[] = [];
    const ref = world.system.spawn(
      puppet([], {
        setup: (context) =>
          context.onStop(() => {
            try {
              context.spawn(puppet());
            } catch (error) {
              codes.push((error as { code: string }).code);
            }
          }),
      }),
    );
    await world.until(world.system.stop(ref));
    expect(codes).toEqual(['ACTOR_STOPPED']);
  });

  it('a reference of another node is none of this one’s', async () => {
    const world = new World();
    const other = new World();
    const ref: ActorRef<typeof Puppet> = other.system.spawn(puppet());
    world.system.kill(ref);
    await world.until(world.system.stop(ref));
    expect(ref.tell.note('alive')).toBe('accepted');
  });
});

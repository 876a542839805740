import { expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import type { Terminated } from '../../../src/runtime/watch.ts';
import { fail, Gate, type Puppet, puppet } from './puppet.ts';
import { World } from './world.ts';

const backoff = { minMs: 10, maxMs: 10, factor: 1, jitter: 0 };

function watched(ref: ActorRef<typeof Puppet>): Terminated[] {
  const ends: Terminated[] = [];
  ref.onTerminated((terminated) => ends.push(terminated));
  return ends;
}

it('tells each watcher exactly once, with address, node epoch, incarnation and reason', async () => {
  const world = new World();
  const ref = world.system.spawn(puppet([], { restart: { backoff } }), { name: 'a' });
  const both = [watched(ref), watched(ref)];
  ref.tell.act(() => fail());
  await world.run(10);
  world.system.kill(ref);
  world.system.kill(ref);
  await world.run(1000);
  const end = { address: 'n1/a', epoch: 7, incarnation: 2, reason: 'killed' };
  expect(both).toEqual([[end], [end]]);
});

it('names the reason of each end', async () => {
  const world = new World();
  const reasons: string[] = [];
  const start = (onFailure: 'stop' | 'restart' = 'restart') => {
    const ref = world.system.spawn(puppet(), { onFailure });
    ref.onTerminated(({ reason }) => reasons.push(reason));
    return ref;
  };
  await world.until(world.system.stop(start()));
  world.system.kill(start());
  start().tell.act((context) => context.stop());
  await world.run();
  start('stop').tell.act(() => fail());
  await world.run();
  await world.until(world.system.drainActor(start(), 100));
  start();
  await world.until(world.system.close());
  expect(reasons).toEqual([
    'stopped',
    'killed',
    'stopped itself',
    'failed',
    'drained',
    'its parent is stopping',
  ]);
});

it('answers at once for the dead', async () => {
  const world = new World();
  const ref = world.system.spawn(puppet(), { name: 'a' });
  await world.until(world.system.stop(ref));
  const ends = watched(ref);
  expect(ends, 'never from within the call').toEqual([]);
  await Promise.resolve();
  await Promise.resolve();
  expect(ends).toEqual([{ address: 'n1/a', epoch: 7, incarnation: 1, reason: 'stopped' }]);
});

it('a listener that is taken off hears nothing, of the living and of the dead', async () => {
  const world = new World();
  const ref = world.system.spawn(puppet());
  let heard = 0;
  ref.onTerminated(() => heard++)();
  await world.until(world.system.stop(ref));
  ref.onTerminated(() => heard++)();
  await world.run();
  expect(heard).toBe(0);
});

it('a listener that throws keeps no other from hearing, and is told as a fact', async () => {
  const world = new World();
  const ref = world.system.spawn(puppet());
  ref.onTerminated(() => fail('bad watcher'));
  const ends = watched(ref);
  await world.until(world.system.stop(ref));
  ref.onTerminated(() => fail('bad watcher'));
  await world.run();
  expect(ends).toHaveLength(1);
  expect(world.of('internal-error').map(({ where }) => where)).toEqual([
    'watcher of n1/$2',
    'watcher of n1/$2',
  ]);
});

it('an actor’s watch becomes its message, and ends with its incarnation', async () => {
  const world = new World();
  const log: string[] = [];
  const [one, two, three] = [1, 2, 3].map((n) => world.system.spawn(puppet(), { name: `t${n}` }));
  const watcher = world.system.spawn(
    puppet(log, {
      restart: { backoff },
      setup: (context) => {
        if (context.incarnation > 1) return;
        for (const ref of [one, two, three] as ActorRef<typeof Puppet>[])
          context.watch(ref, ({ address, reason }, self) => self.note(`${address} ${reason}`));
      },
    }),
  );
  world.system.kill(one as ActorRef);
  await world.run();
  watcher.tell.act(() => fail());
  await world.run(100);
  world.system.kill(two as ActorRef);
  await world.run();
  expect(log).toEqual(['start 1', 'n1/t1 killed', 'start 2']);
});

it('an actor’s unwatch holds, also for the dead', async () => {
  const world = new World();
  const log: string[] = [];
  const living = world.system.spawn(puppet());
  const dead = world.system.spawn(puppet());
  world.system.kill(dead);
  const watcher = world.system.spawn(puppet(log));
  watcher.tell.act((context) => {
    for (const ref of [living, dead]) context.watch(ref, (_end, self) => self.note('heard'))();
  });
  await world.run();
  world.system.kill(living);
  await world.run();
  expect(log).toEqual(['start 1']);
});

it('a stop that waits for its turn is told when it has stopped, not before', async () => {
  const world = new World();
  const gate = new Gate();
  const ref = world.system.spawn(puppet([], { stopMs: 1000 }));
  ref.tell.act(() => gate.opened);
  await world.run();
  const ends = watched(ref);
  const stopped = world.system.stop(ref);
  await world.run(500);
  expect(ends).toEqual([]);
  gate.open();
  await world.until(stopped);
  expect(ends).toHaveLength(1);
});

import { describe, expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import type { BehaviorSettings } from '../../../src/runtime/behavior.ts';
import { behavior, type SpawnOptions } from '../../../src/runtime/behavior.ts';
import type { FailureDirective, RestartType, Strategy } from '../../../src/runtime/supervision.ts';
import { codeOf, fail, Gate, Puppet, puppet } from './puppet.ts';
import { World } from './world.ts';

const backoff = { minMs: 10, maxMs: 10, factor: 1, jitter: 0 };
const names = ['a', 'b', 'c'] as const;

interface Family {
  readonly world: World;
  readonly parent: ActorRef<typeof Puppet>;
  readonly log: string[];
  child(name: string): ActorRef<typeof Puppet>;
}

/** A parent with children a, b and c, started in that order. */
async function family(
  supervise: NonNullable<BehaviorSettings['supervise']>,
  of: (name: string) => BehaviorSettings & SpawnOptions = () => ({}),
): Promise<Family> {
  const world = new World();
  const log: string[] = [];
  const parent = world.system.spawn(
    puppet([], {
      supervise,
      restart: { backoff },
      setup: (context) => {
        for (const name of names) {
          const { onFailure, ...settings } = of(name);
          const child = puppet([], {
            restart: { backoff },
            setup: (c) => {
              log.push(`${name}${c.incarnation}`);
              c.onStop(() => void log.push(`-${name}${c.incarnation}`));
            },
            ...settings,
          });
          context.spawn(child, onFailure === undefined ? { name } : { name, onFailure });
        }
      },
    }),
    { name: 'p' },
  );
  const child = (name: string) => world.system.find(`p/${name}`) as ActorRef<typeof Puppet>;
  await world.run();
  log.length = 0;
  return { world, parent, log, child };
}

describe('strategies', () => {
  const expected: Record<Strategy, string[]> = {
    'one-for-one': ['-b1', 'b2'],
    'all-for-one': ['-c1', '-b1', '-a1', 'a2', 'b2', 'c2'],
    'rest-for-one': ['-c1', '-b1', 'b2', 'c2'],
  };
  for (const [strategy, lines] of Object.entries(expected)) {
    it(`${strategy} restarts ${lines.length / 2} of three, stopping in reverse and starting in order`, async () => {
      const { world, log, child } = await family({ strategy: strategy as Strategy });
      child('b').tell.act(() => fail());
      await world.run(10);
      expect(log).toEqual(lines);
    });
  }

  it('a temporary sibling is ended with the group and not started again', async () => {
    const { world, log, child } = await family({ strategy: 'all-for-one' }, (name) =>
      name === 'c' ? { restart: { type: 'temporary', backoff } } : {},
    );
    child('b').tell.act(() => fail());
    await world.run(100);
    expect(log).toEqual(['-c1', '-b1', '-a1', 'a2', 'b2']);
    expect(child('c')).toBeUndefined();
  });

  it('a start that fails holds the rest of the group back until it has succeeded', async () => {
    const world = new World();
    const log: string[] = [];
    let broken = true;
    world.system.spawn(
      puppet([], {
        supervise: { strategy: 'all-for-one' },
        setup: (context) => {
          for (const name of names) {
            const setup = (c: { readonly incarnation: number }) => {
              log.push(`${name}${c.incarnation}`);
              if (name === 'a' && c.incarnation === 2 && broken) fail();
            };
            context.spawn(puppet([], { restart: { backoff }, setup }), { name });
          }
        },
      }),
      { name: 'p' },
    );
    const c = world.system.find('p/c') as ActorRef<typeof Puppet>;
    c.tell.act(() => fail());
    await world.run(10);
    broken = false;
    expect(log).toEqual(['a1', 'b1', 'c1', 'a2']);
    await world.run(10);
    expect(log).toEqual(['a1', 'b1', 'c1', 'a2', 'a3', 'b2', 'c2']);
  });
});

describe('restart types', () => {
  const expected: Record<RestartType, { readonly fails: string; readonly stops: string }> = {
    permanent: { fails: 'restarts', stops: 'restarts' },
    transient: { fails: 'restarts', stops: 'ends' },
    temporary: { fails: 'ends', stops: 'ends' },
  };
  for (const [type, { fails, stops }] of Object.entries(expected)) {
    const outcome = async (end: 'fails' | 'stops'): Promise<string> => {
      const world = new World();
      const log: string[] = [];
      const ref = world.system.spawn(puppet(log, { restart: { type: type as RestartType, backoff } }));
      ref.tell.act((context) => (end === 'fails' ? fail() : context.stop()));
      await world.run(100);
      expect(world.system.actorCount).toBe(log.length - 1);
      return log.length === 2 ? 'restarts' : 'ends';
    };
    it(`${type}: a failure ${fails} it, its own stop ${stops} it`, async () => {
      expect(await outcome('fails')).toBe(fails);
      expect(await outcome('stops')).toBe(stops);
    });
  }

  it('a stop from outside is final, also for a permanent actor', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet([], { restart: { type: 'permanent', backoff } }));
    await world.until(world.system.stop(ref));
    await world.run(1000);
    expect(world.system.actorCount).toBe(0);
  });
});

describe('directives', () => {
  const directive = async (onFailure: FailureDirective) => {
    const { world, parent, log, child } = await family({}, (name) => (name === 'b' ? { onFailure } : {}));
    const ends: string[] = [];
    const b = child('b');
    b.onTerminated(({ reason }) => ends.push(reason));
    let state = 0;
    b.tell.act(() => {
      state = 1;
      fail();
    });
    b.tell.act(() => void state++);
    await world.run(100);
    return { world, parent, log, ends, child, state };
  };

  it('resume keeps incarnation, state and mailbox', async () => {
    const { log, ends, state } = await directive('resume');
    expect([log, ends, state]).toEqual([[], [], 2]);
  });

  it('restart makes the next incarnation', async () => {
    const { log, ends, state } = await directive('restart');
    expect([log, ends, state]).toEqual([['-b1', 'b2'], [], 2]);
  });

  it('stop ends it, tells its watchers and makes what waits dead letters', async () => {
    const { world, log, ends, state } = await directive('stop');
    expect([log, ends, state]).toEqual([['-b1'], ['failed'], 1]);
    expect(world.letters()).toEqual(['failed HANDLER_FAILED act', 'deadLettered ACTOR_STOPPED act']);
  });

  it('escalate fails the parent, whose restart starts the children anew', async () => {
    const { world, log } = await directive('escalate');
    expect(log.slice(-3)).toEqual(['a1', 'b1', 'c1']);
    expect(log.filter((line) => line.startsWith('-')).toSorted()).toEqual(['-a1', '-b1', '-c1']);
    expect(world.of('actor-escalated').map(({ actor }) => actor)).toEqual(['n1/p/b']);
    expect(world.of('actor-failed').map(({ actor }) => actor)).toEqual(['n1/p/b', 'n1/p']);
  });

  it('escalate to a parent that is resumed ends the child: it hangs in no state between', async () => {
    const world = new World();
    const parent = world.system.spawn(
      puppet([], {
        setup: (context) => {
          context.spawn(puppet(), { name: 'child', onFailure: 'escalate' });
        },
      }),
      { name: 'p', onFailure: 'resume' },
    );
    const child = world.system.find('p/child') as ActorRef<typeof Puppet>;
    child.tell.act(() => fail());
    await world.run();
    expect(await world.until(codeOf(child.ask.call(() => 1)))).toBe('NO_SUCH_ACTOR');
    expect(parent.tell.note('alive')).toBe('accepted');
  });

  it('resume of a failed setup stops the actor, since it has no handlers', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet([], { setup: () => fail() }), { onFailure: 'resume' });
    await world.run(100);
    expect(ref.tell.note('x')).toBe('gone');
  });
});

describe('intensity', () => {
  it('one restart more than maxRestarts within the window escalates', async () => {
    const { world, log, child } = await family({ maxRestarts: 2, withinMs: 1000 });
    for (let i = 0; i < 2; i++) {
      child('b').tell.act(() => fail());
      await world.run(10);
    }
    expect(world.of('actor-escalated')).toEqual([]);
    child('a').tell.act(() => fail());
    await world.run(10);
    expect(world.of('actor-escalated').map(({ actor }) => actor)).toEqual(['n1/p/a']);
    expect(log.slice(-3)).toEqual(['a1', 'b1', 'c1']);
  });

  it('restarts that left the window do not count', async () => {
    const { world, child } = await family({ maxRestarts: 2, withinMs: 1000 });
    for (let i = 0; i < 6; i++) {
      child('b').tell.act(() => fail());
      await world.run(600);
    }
    expect(world.of('actor-escalated')).toEqual([]);
  });

  it('the delay grows with the child’s own restarts, not with those of its siblings', async () => {
    const world = new World();
    const grown = { minMs: 10, maxMs: 10_000, factor: 10, jitter: 0 };
    const refs = [1, 2, 3].map(() => world.system.spawn(puppet([], { restart: { backoff: grown } })));
    for (const ref of refs) ref.tell.act(() => fail());
    await world.run(10);
    refs[0]?.tell.act(() => fail());
    await world.run(100);
    expect(world.of('actor-restarting').map(({ delayMs }) => delayMs)).toEqual([10, 10, 10, 100]);
  });

  it('escalation goes up to the node, once, and an answer that throws stops nothing', async () => {
    const escalated: unknown[] = [];
    const world = new World({
      supervise: { maxRestarts: 1, withinMs: 1000 },
      escalated: (error) => {
        escalated.push(error);
        fail('the node has no answer');
      },
    });
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log, { restart: { backoff } }), { name: 'a' });
    const other = world.system.spawn(puppet(log));
    const ends: string[] = [];
    ref.onTerminated(({ reason }) => ends.push(reason));
    for (let i = 0; i < 2; i++) {
      ref.tell.act(() => fail(`fall ${i}`));
      await world.run(10);
    }
    expect(escalated.map(String)).toEqual(['Error: fall 1']);
    expect(world.of('node-escalated')).toHaveLength(1);
    expect(world.of('internal-error')).toHaveLength(1);
    expect(ends).toEqual(['escalated']);
    other.tell.note('the others go on');
    await world.run();
    expect(log.at(-1)).toBe('the others go on');
  });

  it('an escalation passes each supervisor that has no restart left', async () => {
    const world = new World({ supervise: { maxRestarts: 0 } });
    const leaf = puppet([], { setup: (c) => void (c.incarnation === 1 && c.self.tell.act(() => fail())) });
    const none = { supervise: { maxRestarts: 0 } };
    const middle = puppet([], { ...none, setup: (c) => void c.spawn(leaf, { name: 'leaf' }) });
    world.system.spawn(puppet([], { ...none, setup: (c) => void c.spawn(middle, { name: 'middle' }) }), {
      name: 'top',
    });
    await world.run(100);
    expect(world.of('actor-escalated').map(({ actor }) => actor)).toEqual([
      'n1/top/middle/leaf',
      'n1/top/middle',
      'n1/top',
    ]);
    expect(world.of('node-escalated')).toHaveLength(1);
    expect(world.system.actorCount).toBe(0);
  });
});

it('the jittered delay lies within its bounds', async () => {
  const world = new World({ supervise: { maxRestarts: 1000 } });
  const jittered = { minMs: 100, maxMs: 400, factor: 2, jitter: 0.5 };
  const ref = world.system.spawn(puppet([], { restart: { backoff: jittered } }));
  for (let i = 0; i < 30; i++) {
    ref.tell.act(() => fail());
    await world.run(400);
  }
  const delays = world.of('actor-restarting').map(({ delayMs }) => delayMs);
  expect(delays).toHaveLength(30);
  delays.forEach((delayMs, i) => {
    const full = Math.min(400, 100 * 2 ** i);
    expect(delayMs).toBeLessThanOrEqual(full);
    expect(delayMs).toBeGreaterThan(full * 0.5);
  });
  expect(new Set(delays.slice(5)).size).toBeGreaterThan(20);
});

it('a running sibling finishes its turn before its group restarts', async () => {
  const { world, log, child } = await family({ strategy: 'all-for-one' });
  const gate = new Gate();
  const answer = child('a').ask.call(async () => {
    await gate.opened;
    return 'done';
  });
  child('b').tell.act(() => fail());
  await world.run(100);
  expect(log).toEqual(['-c1', '-b1']);
  gate.open();
  expect(await world.until(answer)).toBe('done');
  await world.run(10);
  expect(log).toEqual(['-c1', '-b1', '-a1', 'a2', 'b2', 'c2']);
});

it('behaviour options out of range are refused with their names', () => {
  const refusal = (settings: BehaviorSettings): unknown => {
    try {
      behavior(Puppet, () => fail(), settings);
      return undefined;
    } catch (error) {
      return (error as { details: { option: string } }).details.option;
    }
  };
  expect(refusal({})).toBeUndefined();
  expect(refusal({ mailbox: { capacity: 0 } })).toBe('mailbox.capacity');
  expect(refusal({ mailbox: { capacity: Number.NaN } })).toBe('mailbox.capacity');
  expect(refusal({ stashCapacity: -1 })).toBe('stashCapacity');
  expect(refusal({ turnsPerActivation: 0 })).toBe('turnsPerActivation');
  expect(refusal({ startMs: 0 })).toBe('startMs');
  expect(refusal({ stopMs: Number.POSITIVE_INFINITY })).toBe('stopMs');
  expect(refusal({ supervise: { maxRestarts: -1 } })).toBe('supervise.maxRestarts');
  expect(refusal({ supervise: { withinMs: 0 } })).toBe('supervise.withinMs');
  expect(refusal({ restart: { backoff: { minMs: -1 } } })).toBe('restart.backoff.minMs');
  expect(refusal({ restart: { backoff: { minMs: 10, maxMs: 9 } } })).toBe('restart.backoff.maxMs');
  expect(refusal({ restart: { backoff: { factor: 0.5 } } })).toBe('restart.backoff.factor');
  expect(refusal({ restart: { backoff: { jitter: 2 } } })).toBe('restart.backoff.jitter');
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { type EventStream, eventStream } from '../../../src/runtime/event-stream.ts';
import { protocol, signal } from '../../../src/runtime/protocol.ts';
import { unchecked } from '../../../src/runtime/schema.ts';
import { fail, Gate, type Puppet, type PuppetContext, type PuppetSettings, puppet } from './puppet.ts';
import { World } from './world.ts';

const backoff = { minMs: 10, maxMs: 10, factor: 1, jitter: 0 };

const topics = () =>
  protocol('house', {
    door: signal({ in: unchecked<{ readonly name: string }>() }),
    heat: signal({ in: unchecked<{ readonly celsius: number }>() }),
  });

class House {
  readonly world = new World();
  readonly stream: EventStream<ReturnType<typeof topics>>;

  constructor(maxSubscriptions?: number) {
    const limits = maxSubscriptions === undefined ? {} : { maxSubscriptions };
    this.stream = eventStream(topics(), { node: 'n1', ...limits });
  }

  /** An actor that notes each door; `log` gets its starts too. */
  start(log: string[], settings: PuppetSettings = {}): ActorRef<typeof Puppet> {
    return this.world.system.spawn(puppet(log, { ...settings, setup: (context) => void this.hear(context) }));
  }

  hear(context: PuppetContext): () => void {
    return this.stream.subscribe('door', context, ({ name }, self) => self.note(name));
  }

  open(name: string): { readonly taken: number; readonly missed: number } {
    return this.stream.publish('door', { name });
  }
}

it('gives each event to the subscribers of its topic, in order (ES6)', async () => {
  const house = new House();
  const logs: string[][] = [[], []];
  for (const log of logs) house.start(log);
  expect(house.open('a')).toEqual({ taken: 2, missed: 0 });
  expect(house.stream.publish('heat', { celsius: 20 })).toEqual({ taken: 0, missed: 0 });
  house.open('b');
  house.open('c');
  await house.world.run();
  expect(logs).toEqual([
    ['start 1', 'a', 'b', 'c'],
    ['start 1', 'a', 'b', 'c'],
  ]);
  expect(house.stream.delivered).toEqual({ taken: 6, missed: 0 });
});

it('lets a subscriber leave an event aside', async () => {
  const house = new House();
  const log: string[] = [];
  house.world.system.spawn(
    puppet(log, {
      setup: (context) =>
        void house.stream.subscribe('heat', context, ({ celsius }, self) =>
          celsius > 30 ? self.note(`${celsius}`) : undefined,
        ),
    }),
  );
  expect(house.stream.publish('heat', { celsius: 20 })).toEqual({ taken: 0, missed: 0 });
  expect(house.stream.publish('heat', { celsius: 31 })).toEqual({ taken: 1, missed: 0 });
  await house.world.run();
  expect(log).toEqual(['start 1', '31']);
});

it('a full mailbox misses events, alone, counted and booked; the publisher never waits (ES1, ES2)', async () => {
  const house = new House();
  const [slowLog, fastLog]: [string[], string[]] = [[], []];
  const gate = new Gate();
  const slow = house.start(slowLog, { mailbox: { capacity: 2 } });
  house.start(fastLog);
  slow.tell.act(() => gate.opened);
  await house.world.run();
  const outcomes = ['a', 'b', 'c', 'd'].map((name) => house.open(name));
  expect(outcomes.map(({ taken, missed }) => [taken, missed])).toEqual([
    [2, 0],
    [2, 0],
    [1, 1],
    [1, 1],
  ]);
  expect(house.world.letters()).toEqual(['refused MAILBOX_FULL note', 'refused MAILBOX_FULL note']);
  gate.open();
  await house.world.run();
  expect(slowLog).toEqual(['start 1', 'a', 'b']);
  expect(fastLog).toEqual(['start 1', 'a', 'b', 'c', 'd']);
  expect(house.stream.delivered).toEqual({ taken: 6, missed: 2 });
});

describe('a subscription ends (ES3)', () => {
  it.each(['stop', 'kill', 'stopSelf'] as const)('with its actor: %s', async (end) => {
    const house = new House();
    const ref = house.start([]);
    expect(house.stream.subscriptions).toBe(1);
    if (end === 'stop') await house.world.until(house.world.system.stop(ref));
    else if (end === 'kill') house.world.system.kill(ref);
    else ref.tell.act((context) => context.stop());
    await house.world.run();
    expect(house.stream.subscriptions).toBe(0);
    expect(house.open('a')).toEqual({ taken: 0, missed: 0 });
  });

  it('with its incarnation: a restart that subscribes again hears each event once', async () => {
    const house = new House();
    const log: string[] = [];
    const ref = house.start(log, { restart: { backoff } });
    ref.tell.act(() => fail());
    await house.world.run(100);
    expect(house.stream.subscriptions).toBe(1);
    house.open('a');
    await house.world.run();
    expect(log).toEqual(['start 1', 'start 2', 'a']);
  });

  it('by the returned function, as often as it is called, also after the actor’s end', async () => {
    const house = new House();
    const off: (() => void)[] = [];
    const setup = (context: PuppetContext) => void off.push(house.hear(context), house.hear(context));
    const ref = house.world.system.spawn(puppet([], { setup }));
    expect(house.stream.subscriptions).toBe(2);
    off[0]?.();
    off[0]?.();
    expect(house.stream.subscriptions).toBe(1);
    expect(house.open('a')).toEqual({ taken: 1, missed: 0 });
    await house.world.until(house.world.system.stop(ref));
    off[1]?.();
    expect(house.stream.subscriptions).toBe(0);
  });

  it('and none begins after the incarnation’s end', async () => {
    const house = new House();
    const contexts: PuppetContext[] = [];
    const setup = (context: PuppetContext) => void contexts.push(context);
    const ref = house.world.system.spawn(puppet([], { setup }));
    house.world.system.kill(ref);
    expect(() => house.hear(contexts[0] as PuppetContext)).toThrow('STALE_INCARNATION');
    expect(house.stream.subscriptions).toBe(0);
  });
});

describe('limits (ES4)', () => {
  it('refuses one subscription too many, of all topics; an end makes room', async () => {
    const house = new House(2);
    const codes: string[] = [];
    const setup = (context: PuppetContext) => {
      house.hear(context);
      const off = house.stream.subscribe('heat', context, () => undefined);
      for (const again of [() => house.hear(context), off, () => house.hear(context)]) {
        try {
          again();
          codes.push('ok');
        } catch (error) {
          codes.push((error as { code: string }).code);
        }
      }
    };
    house.world.system.spawn(puppet([], { setup }));
    expect(codes).toEqual(['NODE_LIMIT', 'ok', 'ok']);
    expect(house.stream.subscriptions).toBe(2);
  });

  it('takes actors of its own node alone, known topics alone, and a sane limit alone', () => {
    const house = new House();
    const other = new World({ node: 'n2' });
    const codes: string[] = [];
    const attempt = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
    };
    other.system.spawn(puppet([], { setup: (context) => attempt(() => house.hear(context)) }));
    attempt(() => house.stream.publish('window' as 'door', { name: 'a' }));
    attempt(() => new House(0));
    attempt(() => new House(1.5));
    attempt(() => new House(65_537));
    expect(codes).toEqual([
      'INVALID_DEFINITION',
      'UNKNOWN_MESSAGE',
      'INVALID_DEFINITION',
      'INVALID_DEFINITION',
      'INVALID_DEFINITION',
    ]);
  });
});

it('a subscriber’s throw fails that subscriber, after the publisher’s turn, and nobody else (ES5)', async () => {
  const house = new House();
  const [badLog, goodLog]: [string[], string[]] = [[], []];
  let bad = true;
  house.world.system.spawn(
    puppet(badLog, {
      restart: { backoff },
      setup: (context) =>
        void house.stream.subscribe('door', context, ({ name }, self) => (bad ? fail() : self.note(name))),
    }),
  );
  house.start(goodLog);
  expect(house.open('a')).toEqual({ taken: 1, missed: 1 });
  house.open('b');
  bad = false;
  await house.world.run(100);
  house.open('c');
  await house.world.run();
  expect(badLog).toEqual(['start 1', 'start 2', 'c']);
  expect(goodLog).toEqual(['start 1', 'a', 'b', 'c']);
  expect(house.world.of('actor-failed')).toHaveLength(1);
});

it('each failure of one that goes on is told (ES5)', async () => {
  const house = new House();
  const setup = (context: PuppetContext) => void house.stream.subscribe('door', context, () => fail());
  house.world.system.spawn(puppet([], { setup }), { onFailure: 'resume' });
  for (const name of ['a', 'b']) {
    expect(house.open(name)).toEqual({ taken: 0, missed: 1 });
    await house.world.run();
  }
  expect(house.world.of('actor-failed')).toHaveLength(2);
  expect(house.stream.subscriptions).toBe(1);
});

it('whatever comes and goes, each living subscriber hears what was published while it was there, in order', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('publish' as const) }),
    fc.record({ kind: fc.constantFrom('start' as const, 'kill' as const, 'off' as const), at: fc.nat(3) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const house = new House();
      const actors = new Map<number, Listener>();
      const all: Listener[] = [];
      let published = 0;
      for (const taken of steps) {
        if (taken.kind === 'publish') {
          const name = `e${published++}`;
          const living = [...actors.values()].filter(({ on }) => on);
          for (const { expected } of living) expected.push(name);
          expect(house.open(name)).toEqual({ taken: living.length, missed: 0 });
          await house.world.run();
          continue;
        }
        const there = actors.get(taken.at);
        if (taken.kind === 'start' && there === undefined) {
          const made = listen(house);
          actors.set(taken.at, made);
          all.push(made);
        } else if (taken.kind === 'kill' && there !== undefined) {
          house.world.system.kill(there.ref);
          actors.delete(taken.at);
        } else if (taken.kind === 'off' && there !== undefined) {
          there.off();
          there.on = false;
        }
      }
      for (const { heard, expected } of all) expect(heard).toEqual(['start 1', ...expected]);
      expect(house.stream.subscriptions).toBe([...actors.values()].filter(({ on }) => on).length);
    }),
    { numRuns: 60 },
  );
});

interface Listener {
  readonly ref: ActorRef<typeof Puppet>;
  readonly heard: string[];
  readonly expected: string[];
  readonly off: () => void;
  on: boolean;
}

function listen(house: House): Listener {
  const heard: string[] = [];
  let off = (): void => undefined;
  const setup = (context: PuppetContext) => {
    off = house.hear(context);
  };
  const ref = house.world.system.spawn(puppet(heard, { setup }));
  return { ref, heard, expected: [], off, on: true };
}

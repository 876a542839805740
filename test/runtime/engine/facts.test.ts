import { describe, expect, it } from 'vitest';
import { behavior } from '../../../src/runtime/behavior.ts';
import { DeadLetters } from '../../../src/runtime/dead-letters.ts';
import { type DeadLetter, type Fact, Facts } from '../../../src/runtime/facts.ts';
import { protocol, signal } from '../../../src/runtime/protocol.ts';
import { unchecked } from '../../../src/runtime/schema.ts';
import { codeOf, fail, Gate, type PuppetContext, puppet } from './puppet.ts';
import { World } from './world.ts';

const letter = (message: string): DeadLetter => ({
  state: 'failed',
  code: 'HANDLER_FAILED',
  target: 'n1/a',
  protocol: 'p',
  message,
  traceId: undefined,
});

describe('dead letters', () => {
  it('stand in a ring: the oldest gives way, the count goes on', () => {
    const letters = new DeadLetters(3);
    const names = () =>
      letters
        .list()
        .map(({ message }) => message)
        .join('');
    expect(names()).toBe('');
    letters.add(letter('a'));
    letters.add(letter('b'));
    expect(names()).toBe('ab');
    for (const name of ['c', 'd', 'e', 'f', 'g']) letters.add(letter(name));
    expect([names(), letters.total]).toEqual(['efg', 7]);
  });

  it('name target, message, reason and trace, in the ring and as a fact', async () => {
    const world = new World({ deadLetterCapacity: 2 });
    const ref = world.system.spawn(puppet(), { name: 'a' });
    await world.until(world.system.stop(ref));
    const trace = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), sampled: false };
    ref.tell.note('x', { trace });
    const expected = {
      state: 'deadLettered',
      code: 'NO_SUCH_ACTOR',
      target: 'n1/a',
      protocol: 'puppet',
      message: 'note',
      traceId: trace.traceId,
    };
    expect(world.system.deadLetters.list()).toEqual([expected]);
    expect(world.of('dead-letter')).toEqual([{ type: 'dead-letter', letter: expected }]);
  });
});

describe('replay', () => {
  it('sends a signal again, to the actor that has the address now', async () => {
    const world = new World();
    const log: string[] = [];
    const old = world.system.spawn(puppet(), { name: 'a' });
    await world.until(world.system.stop(old));
    old.tell.note('once more');
    const [lost] = world.system.deadLetters.list();
    expect(world.system.replay(lost as DeadLetter)).toBe('gone');
    world.system.spawn(puppet(log), { name: 'a' });
    expect(world.system.replay(lost as DeadLetter)).toBe('accepted');
    await world.run();
    expect(log).toEqual(['start 1', 'once more']);
    expect(world.system.ledger).toMatchObject({ sent: 2, handled: 1, deadLettered: 1 });
  });

  it('sends no ask again, nothing of another protocol, and nothing that is no letter of this node', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet(), { name: 'a' });
    await world.until(world.system.stop(ref));
    const asked = codeOf(ref.ask.call(() => 1));
    ref.tell.note('x');
    const [ask, note] = world.system.deadLetters.list();
    const Other = protocol('other', { note: signal({ in: unchecked<string>() }) });
    world.system.spawn(
      behavior(Other, () => ({ note: () => fail() })),
      { name: 'a' },
    );
    expect(await asked).toBe('NO_SUCH_ACTOR');
    expect([ask, note, letter('x')].map((each) => world.system.replay(each as DeadLetter))).toEqual([
      'gone',
      'gone',
      'gone',
    ]);
  });
});

describe('facts', () => {
  it('a listener that throws is taken off and told to the others', () => {
    const facts = new Facts();
    const seen: Fact[] = [];
    let calls = 0;
    facts.listen(() => {
      calls++;
      fail('bad listener');
    });
    facts.listen((fact) => void seen.push(fact));
    facts.emit({ type: 'node-escalated', error: 1 });
    facts.emit({ type: 'node-escalated', error: 2 });
    expect(calls).toBe(1);
    expect(seen.map(({ type }) => type)).toEqual(['listener-failed', 'node-escalated', 'node-escalated']);
  });

  it('listeners that all throw end the matter', () => {
    const facts = new Facts();
    for (let i = 0; i < 3; i++) facts.listen(() => fail());
    facts.emit({ type: 'node-escalated', error: 1 });
    expect(facts.heard).toBe(false);
  });

  it('a listener can be taken off', () => {
    const facts = new Facts();
    let calls = 0;
    const off = facts.listen(() => calls++);
    expect(facts.heard).toBe(true);
    off();
    facts.emit({ type: 'node-escalated', error: 1 });
    expect([calls, facts.heard]).toEqual([0, false]);
  });

  it('a failing listener disturbs no actor', async () => {
    const world = new World();
    const log: string[] = [];
    world.system.facts.listen(() => fail());
    const ref = world.system.spawn(puppet(log), { onFailure: 'resume' });
    ref.tell.act(() => fail());
    ref.tell.note('goes on');
    await world.run();
    expect(log).toEqual(['start 1', 'goes on']);
  });
});

describe('the context', () => {
  it('pipe turns the end of a promise into a message, without holding the turn', async () => {
    const world = new World();
    const log: string[] = [];
    const gate = new Gate();
    const ref = world.system.spawn(puppet(log));
    ref.tell.act((context) => {
      context.pipe(
        gate.opened.then(() => 'done'),
        (end, self) => self.note(end.ok ? end.value : 'failed'),
      );
      context.pipe(
        gate.opened.then(() => fail()),
        (end, self) => self.note(end.ok ? 'done' : String(end.error)),
      );
    });
    ref.tell.note('meanwhile');
    await world.run();
    gate.open();
    await world.run();
    expect(log).toEqual(['start 1', 'meanwhile', 'done', 'Error: boom']);
  });

  it('a piped promise that ends after its incarnation is not told', async () => {
    const world = new World();
    const log: string[] = [];
    const gate = new Gate();
    const ref = world.system.spawn(puppet(log));
    ref.tell.act((context) => {
      context.pipe(gate.opened, (_end, self) => self.note('late'));
      fail();
    });
    await world.run(100);
    gate.open();
    await world.run();
    expect(log).toEqual(['start 1', 'start 2']);
  });

  it('after and every tell the actor in time, until they are cancelled', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    ref.tell.act((context) => {
      context.after(30, (self) => self.note('after'));
      context.after(30, (self) => self.note('never')).cancel();
      let times = 0;
      const timer = context.every(20, (self) => {
        self.note(`every ${++times}`);
        if (times === 3) timer.cancel();
      });
    });
    await world.run(1000);
    expect(log).toEqual(['start 1', 'every 1', 'after', 'every 2', 'every 3']);
  });

  it('a callback that throws is a failure of its actor, not of the process', async () => {
    const callbacks: ((context: PuppetContext, world: World) => void)[] = [
      (context) => context.pipe(Promise.resolve(), () => fail('callback')),
      (context) => context.pipe(Promise.reject(new Error('x')), () => fail('callback')),
      (context) => void context.after(1, () => fail('callback')),
      (context, world) => {
        const dead = world.system.spawn(puppet());
        world.system.kill(dead);
        context.watch(dead, () => fail('callback'));
      },
    ];
    for (const callback of callbacks) {
      const world = new World();
      const log: string[] = [];
      const ref = world.system.spawn(puppet(log), { name: 'a' });
      ref.tell.act((context) => {
        if (context.incarnation === 1) callback(context, world);
      });
      await world.run(100);
      expect(world.of('actor-failed').map(({ actor, error }) => `${actor} ${String(error)}`)).toEqual([
        'n1/a Error: callback',
      ]);
      expect(log).toEqual(['start 1', 'start 2']);
    }
  });

  it('knows itself, its node and monotonic time', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet(), { name: 'a' });
    await world.run(5);
    const answer = ref.ask.call((context) => [context.self.address, context.node, context.monotonicMs()]);
    expect(await world.until(answer)).toEqual(['n1/a', 'n1', 5]);
  });

  it('asks of an asynchronous setup end with the incarnation', async () => {
    const world = new World();
    const target = world.system.spawn(puppet());
    const codes: Promise<string>[] = [];
    const ref = world.system.spawn(
      puppet([], {
        setup: async (context) => {
          const asked = context.to(target).ask.call((c) => c.stash());
          codes.push(codeOf(asked));
          await asked;
        },
      }),
    );
    await world.run();
    world.system.kill(ref);
    await world.run();
    expect(await Promise.all(codes)).toEqual(['CANCELLED']);
  });
});

import { describe, expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import type { MailboxOptions } from '../../../src/runtime/mailbox.ts';
import { codeOf, Gate, type Puppet, puppet } from './puppet.ts';
import { World } from './world.ts';

interface Busy {
  readonly world: World;
  readonly ref: ActorRef<typeof Puppet>;
  readonly log: string[];
  readonly gate: Gate;
}

/** An actor in the middle of a turn, with an empty mailbox. */
async function busy(mailbox: Partial<MailboxOptions>): Promise<Busy> {
  const world = new World();
  const log: string[] = [];
  const gate = new Gate();
  const ref = world.system.spawn(puppet(log, { mailbox }));
  ref.tell.act(() => gate.opened);
  await world.run();
  log.length = 0;
  return { world, ref, log, gate };
}

describe('tell answers at once', () => {
  it('accepted while there is room, full after, gone when the actor has stopped', async () => {
    const { world, ref, log, gate } = await busy({ capacity: 2 });
    expect([ref.tell.note('1'), ref.tell.note('2'), ref.tell.note('3')]).toEqual([
      'accepted',
      'accepted',
      'full',
    ]);
    expect(world.letters()).toEqual(['refused MAILBOX_FULL note']);
    gate.open();
    await world.run();
    expect(log).toEqual(['1', '2']);
    await world.until(world.system.stop(ref));
    expect(ref.tell.note('4')).toBe('gone');
    expect(world.letters().at(-1)).toBe('deadLettered NO_SUCH_ACTOR note');
  });

  it('gone while it stops: nothing that was accepted meets a closed door later', async () => {
    const { world, ref, gate } = await busy({});
    const stopped = world.system.stop(ref);
    expect(ref.tell.note('x')).toBe('gone');
    expect(world.letters()).toEqual(['deadLettered ACTOR_STOPPED note']);
    gate.open();
    await world.until(stopped);
  });
});

describe('overflow', () => {
  it('reject: the newcomer gets MAILBOX_FULL at once', async () => {
    const { world, ref, log, gate } = await busy({ capacity: 1, overflow: 'reject' });
    ref.tell.note('kept');
    const refused = codeOf(ref.ask.call(() => undefined));
    expect(await refused).toBe('MAILBOX_FULL');
    gate.open();
    await world.run();
    expect(log).toEqual(['kept']);
    expect(world.system.ledger).toMatchObject({ handled: 2, refused: 1, dropped: 0 });
  });

  it('drop-oldest: the newcomer is taken, the oldest gives way and its asker hears of it', async () => {
    const { world, ref, log, gate } = await busy({ capacity: 2, overflow: 'drop-oldest' });
    const oldest = codeOf(ref.ask.call(() => log.push('oldest')));
    ref.tell.note('second');
    expect(ref.tell.note('third')).toBe('accepted');
    expect(await oldest).toBe('MAILBOX_FULL');
    gate.open();
    await world.run();
    expect(log).toEqual(['second', 'third']);
    expect(world.system.ledger).toMatchObject({ handled: 3, dropped: 1, refused: 0 });
  });

  it('drop-oldest never drops an urgent message: it refuses the newcomer when only such wait', async () => {
    const { world, ref, log, gate } = await busy({ capacity: 1, overflow: 'drop-oldest' });
    ref.tell.urgent(() => void log.push('urgent'));
    expect(ref.tell.note('newcomer')).toBe('full');
    gate.open();
    await world.run();
    expect(log).toEqual(['urgent']);
    expect(world.letters()).toEqual(['refused MAILBOX_FULL note']);
  });

  it('drop-newest: the newcomer is dropped and its sender hears of it', async () => {
    const { world, ref, log, gate } = await busy({ capacity: 1, overflow: 'drop-newest' });
    ref.tell.note('kept');
    expect(ref.tell.note('dropped')).toBe('full');
    expect(await codeOf(ref.ask.call(() => undefined))).toBe('MAILBOX_FULL');
    gate.open();
    await world.run();
    expect(log).toEqual(['kept']);
    expect(world.system.ledger).toMatchObject({ handled: 2, dropped: 2, refused: 0 });
  });

  it('block: asks wait for room in their order, tells never do, and only capacity asks wait', async () => {
    const { world, ref, log, gate } = await busy({ capacity: 2, overflow: 'block' });
    ref.tell.note('1');
    ref.tell.note('2');
    expect(ref.tell.note('no room')).toBe('full');
    const waiting = [3, 4].map((n) => ref.ask.call(() => log.push(String(n))));
    expect(await codeOf(ref.ask.call(() => undefined))).toBe('MAILBOX_FULL');
    await world.run(100);
    gate.open();
    await world.until(Promise.all(waiting));
    expect(log).toEqual(['1', '2', '3', '4']);
    expect(world.system.ledger).toMatchObject({ handled: 5, refused: 2 });
  });

  it('block: an ask that waits for room expires there, and its place is free again', async () => {
    const { world, ref, log, gate } = await busy({ capacity: 1, overflow: 'block' });
    ref.tell.note('1');
    const expired = codeOf(ref.ask.call(() => log.push('never'), { deadlineMs: 40 }));
    await world.run(48);
    expect(await expired).toBe('DEADLINE_EXCEEDED');
    const next = ref.ask.call(() => log.push('2'));
    gate.open();
    await world.until(next);
    expect(log).toEqual(['1', '2']);
  });

  it('block: a stop answers those who wait for room', async () => {
    const { world, ref, gate } = await busy({ capacity: 1, overflow: 'block' });
    ref.tell.note('1');
    const waiting = codeOf(ref.ask.call(() => undefined));
    const stopped = world.system.stop(ref);
    gate.open();
    await world.until(stopped);
    expect(await waiting).toBe('ACTOR_STOPPED');
  });
});

it('messages that were given up while they waited make room for new ones', async () => {
  const { world, ref, log, gate } = await busy({ capacity: 3 });
  const expired = [1, 2].map(() => codeOf(ref.ask.call(() => log.push('never'), { deadlineMs: 10 })));
  ref.tell.urgent(() => void log.push('urgent'));
  expect(ref.tell.note('too early')).toBe('full');
  await world.run(20);
  expect(await Promise.all(expired)).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
  expect([ref.tell.note('a'), ref.tell.note('b'), ref.tell.note('c')]).toEqual([
    'accepted',
    'accepted',
    'full',
  ]);
  gate.open();
  await world.run();
  expect(log).toEqual(['urgent', 'a', 'b']);
});

it('urgent messages go before all others, in their order', async () => {
  const { world, ref, log, gate } = await busy({});
  ref.tell.note('1');
  ref.tell.urgent(() => void log.push('u1'));
  ref.tell.note('2');
  ref.tell.urgent(() => void log.push('u2'));
  gate.open();
  await world.run();
  expect(log).toEqual(['u1', 'u2', '1', '2']);
});

describe('stash', () => {
  it('holds messages until unstash puts them back in front, in their order', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    let ready = false;
    const when = (name: string) =>
      ref.ask.call((context) => {
        if (ready) return log.push(name);
        context.stash();
        return undefined;
      });
    const answers = [when('a'), when('b')];
    await world.run();
    expect(log).toEqual(['start 1']);
    ref.tell.act((context) => {
      ready = true;
      context.unstash();
    });
    ref.tell.note('behind');
    await world.until(Promise.all(answers));
    expect(log).toEqual(['start 1', 'a', 'b', 'behind']);
  });

  it('stays in front of what comes right after unstash, also in an empty mailbox', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    let ready = false;
    for (const name of ['a', 'b']) {
      ref.tell.act((context) => {
        if (ready) log.push(name);
        else context.stash();
      });
    }
    await world.run();
    ref.tell.act((context) => {
      ready = true;
      context.unstash();
      context.self.tell.note('behind');
    });
    await world.run();
    expect(log).toEqual(['start 1', 'a', 'b', 'behind']);
  });

  it('refuses one more than stashCapacity with STASH_FULL, and an expired one takes no room', async () => {
    const world = new World();
    const codes: string[] = [];
    const ref = world.system.spawn(puppet([], { stashCapacity: 1 }), { onFailure: 'resume' });
    const stash = (deadlineMs: number) =>
      codeOf(ref.ask.call((context) => context.stash(), { deadlineMs })).then((code) => codes.push(code));
    const first = stash(20);
    const second = stash(1000);
    await world.run();
    expect(codes).toEqual(['HANDLER_FAILED']);
    expect(String(world.of('actor-failed')[0]?.error)).toContain('STASH_FULL');
    await world.run(24);
    const third = stash(1000);
    await world.run();
    expect(codes).toEqual(['HANDLER_FAILED', 'DEADLINE_EXCEEDED']);
    await world.until(world.system.stop(ref));
    await Promise.all([first, second, third]);
    expect(codes.at(-1)).toBe('ACTOR_STOPPED');
  });

  it('stashing twice in a turn is a failure, and the message ends once', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    const code = codeOf(
      ref.ask.call((context) => {
        context.stash();
        context.stash();
      }),
    );
    await world.run(100);
    expect(await code).toBe('HANDLER_FAILED');
    expect(world.system.ledger).toMatchObject({ sent: 1, failed: 1, handled: 0 });
  });

  it('stash and unstash in one turn gives the message again', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    let times = 0;
    const answer = ref.ask.call((context) => {
      if (++times < 3) {
        context.stash();
        context.unstash();
        return undefined;
      }
      return times;
    });
    expect(await world.until(answer)).toBe(3);
  });
});

it('order is kept per sender and receiver', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(puppet(log, { turnsPerActivation: 3 }));
  const sent = Array.from({ length: 200 }, (_, i) => String(i));
  for (const text of sent) ref.tell.note(text);
  await world.run();
  expect(log.slice(1)).toEqual(sent);
});

import { describe, expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { codeOf, Gate, type Puppet, puppet } from './puppet.ts';
import { World } from './world.ts';

describe('deadlines', () => {
  it('expire in the mailbox: the caller hears of it then, the handler never runs', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet());
    ref.tell.act(() => gate.opened);
    let ran = false;
    const code = codeOf(
      ref.ask.call(
        () => {
          ran = true;
        },
        { deadlineMs: 100 },
      ),
    );
    await world.run(99);
    expect(world.system.ledger.expired).toBe(0);
    await world.run(9);
    expect(await code).toBe('DEADLINE_EXCEEDED');
    gate.open();
    await world.run();
    expect(ran).toBe(false);
    expect(world.letters()).toEqual(['expired DEADLINE_EXCEEDED call']);
  });

  it('a tell’s deadline too: what is too late is not handled any more', async () => {
    const world = new World();
    const log: string[] = [];
    const gate = new Gate();
    const ref = world.system.spawn(puppet(log));
    ref.tell.act(() => gate.opened);
    ref.tell.note('late', { deadlineMs: 50 });
    ref.tell.note('in time', { deadlineMs: 500 });
    await world.run(60);
    gate.open();
    await world.run();
    expect(log).toEqual(['start 1', 'in time']);
    expect(world.letters()).toEqual(['expired DEADLINE_EXCEEDED note']);
  });

  it('leave the timer wheel when the message has ended', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    ref.tell.note('in time', { deadlineMs: 500 });
    expect(world.system.engine.wheel.size).toBe(1);
    await world.run();
    expect(world.system.engine.wheel.size).toBe(0);
  });

  it('expire in the stash', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    const code = codeOf(ref.ask.call((context) => context.stash(), { deadlineMs: 100 }));
    await world.run(108);
    expect(await code).toBe('DEADLINE_EXCEEDED');
    expect(world.system.ledger.expired).toBe(1);
  });

  it('cancel the work: the turn’s signal is aborted, and obeying it is no failure', async () => {
    const world = new World();
    const log: string[] = [];
    const ref = world.system.spawn(puppet(log));
    const code = codeOf(
      ref.ask.call(
        (_context, turn) =>
          new Promise((_resolve, reject) => {
            turn.signal.addEventListener('abort', () => reject(turn.signal.reason as Error));
          }),
        { deadlineMs: 100 },
      ),
    );
    await world.run(108);
    expect(await code).toBe('DEADLINE_EXCEEDED');
    expect(log).toEqual(['start 1']);
    expect(world.of('actor-failed')).toEqual([]);
    expect(world.system.ledger).toMatchObject({ expired: 1, failed: 0 });
  });

  it('a turn that ignores its signal goes on; its reply is a late one', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet());
    const code = codeOf(ref.ask.call(() => gate.opened, { deadlineMs: 100 }));
    await world.run(108);
    expect(await code).toBe('DEADLINE_EXCEEDED');
    expect(world.system.inFlight()).toBe(1);
    gate.open();
    await world.run();
    expect(world.system.ledger).toMatchObject({ handled: 1, expired: 0, lateReplies: 1 });
    expect(world.of('late-reply')).toEqual([{ type: 'late-reply', actor: 'n1/$2', message: 'call' }]);
  });

  it('a signal that is looked at after its abort is aborted', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet());
    let aborted: boolean | undefined;
    const asked = codeOf(
      ref.ask.call(
        async (_context, turn) => {
          await gate.opened;
          aborted = turn.signal.aborted;
        },
        { deadlineMs: 10 },
      ),
    );
    await world.run(20);
    gate.open();
    await world.run();
    expect([await asked, aborted]).toEqual(['DEADLINE_EXCEEDED', true]);
  });

  it('go on for a deferred reply, which expires too; a later resolve is a record', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    let wanted: (() => boolean) | undefined;
    let resolve: (() => void) | undefined;
    const code = codeOf(
      ref.ask.call(
        (_context, turn) => {
          const reply = turn.defer();
          wanted = () => reply.wanted;
          resolve = () => reply.resolve(1);
          return reply;
        },
        { deadlineMs: 100 },
      ),
    );
    await world.run(50);
    expect(world.system.ledger.handled).toBe(1);
    expect(wanted?.()).toBe(true);
    await world.run(58);
    expect(await code).toBe('DEADLINE_EXCEEDED');
    expect(wanted?.()).toBe(false);
    resolve?.();
    resolve?.();
    expect(world.system.ledger.lateReplies).toBe(1);
  });

  it('a deferred reply is given once, by any later turn', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    const owed: { resolve(value: unknown): void; reject(error: unknown): void }[] = [];
    const asks = [1, 2].map(() =>
      ref.attempt.call((_context, turn) => {
        const reply = turn.defer();
        owed.push(reply);
        return reply;
      }),
    );
    await world.run();
    ref.tell.act(() => {
      owed[0]?.resolve('yes');
      owed[0]?.reject(new Error('too late to change'));
      owed[1]?.reject(new Error('no'));
    });
    const [yes, no] = await world.until(Promise.all(asks));
    expect(yes).toEqual({ ok: true, value: 'yes' });
    expect(no?.ok === false && no.error.code).toBe('HANDLER_FAILED');
    expect(world.system.ledger).toMatchObject({ handled: 3, failed: 0, lateReplies: 0 });
  });

  it('only requests have a reply to defer', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    ref.tell.act((_context, turn) => void turn.defer());
    await world.run();
    expect(String(world.of('actor-failed')[0]?.error)).toContain('INVALID_DEFINITION');
  });

  it('the default deadline is the system’s', async () => {
    const world = new World({ defaultDeadlineMs: 200 });
    const ref = world.system.spawn(puppet());
    const code = codeOf(ref.ask.call((context) => context.stash()));
    await world.run(199);
    expect(world.system.ledger.expired).toBe(0);
    await world.run(9);
    expect(await code).toBe('DEADLINE_EXCEEDED');
  });
});

describe('asks within a turn', () => {
  it('never outlive the turn’s budget, whatever they name themselves', async () => {
    const world = new World();
    const inner = world.system.spawn(puppet());
    const outer = world.system.spawn(puppet());
    const seen: number[] = [];
    let innerCode: Promise<string> | undefined;
    const code = codeOf(
      outer.ask.call(
        (context, turn) => {
          seen.push(turn.remainingMs);
          innerCode = codeOf(
            context.to(inner).ask.call(
              (c, nested) => {
                seen.push(nested.remainingMs);
                c.stash();
              },
              { deadlineMs: 10_000 },
            ),
          );
          return innerCode;
        },
        { deadlineMs: 80 },
      ),
    );
    await world.run();
    expect(seen).toEqual([80, 80]);
    await world.run(88);
    expect(await code).toBe('DEADLINE_EXCEEDED');
    expect(['DEADLINE_EXCEEDED', 'CANCELLED']).toContain(await innerCode);
    expect(world.system.inFlight()).toBe(0);
  });

  it('keep a shorter deadline of their own', async () => {
    const world = new World();
    const inner = world.system.spawn(puppet());
    const outer = world.system.spawn(puppet());
    const answer = outer.ask.call((context) =>
      codeOf(context.to(inner).ask.call((c) => c.stash(), { deadlineMs: 16 })),
    );
    await world.run(24);
    expect(await answer).toBe('DEADLINE_EXCEEDED');
  });

  it('are cancelled with the turn that asked, through every step of a chain', async () => {
    const world = new World();
    const refs = [1, 2, 3].map(() => world.system.spawn(puppet()));
    const controller = new AbortController();
    const aborted: string[] = [];
    const at = (depth: number) => refs[depth] as ActorRef<typeof Puppet>;
    const answer = codeOf(
      at(0).ask.call(
        (a, turn) => {
          turn.signal.addEventListener('abort', () => aborted.push('a'));
          return a.to(at(1)).ask.call((b, turnB) => {
            turnB.signal.addEventListener('abort', () => aborted.push('b'));
            return b.to(at(2)).ask.call((_c, turnC) => {
              turnC.signal.addEventListener('abort', () => aborted.push('c'));
              return new Promise((_resolve, reject) => {
                turnC.signal.addEventListener('abort', () => reject(turnC.signal.reason as Error));
              });
            });
          });
        },
        { signal: controller.signal },
      ),
    );
    await world.run();
    controller.abort();
    await world.run();
    expect(await answer).toBe('CANCELLED');
    expect(aborted.toSorted()).toEqual(['a', 'b', 'c']);
    expect(world.system.ledger).toMatchObject({ expired: 3, failed: 0 });
    expect(world.of('actor-failed')).toEqual([]);
  });

  it('take as many at once as one likes, without a warning of a leak', async () => {
    const world = new World();
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.name);
    process.on('warning', onWarning);
    const target = world.system.spawn(puppet());
    const ref = world.system.spawn(puppet());
    const sum = ref.ask.call(async (context) => {
      const all = Array.from({ length: 50 }, (_, i) => context.to(target).ask.call(() => i));
      return (await Promise.all(all)).length;
    });
    expect(await world.until(sum)).toBe(50);
    await world.run();
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('carry the trace of the turn', async () => {
    const world = new World();
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
    const inner = world.system.spawn(puppet());
    const outer = world.system.spawn(puppet());
    const seen: unknown[] = [];
    const answer = outer.ask.call(
      async (context) => {
        await context.to(inner).ask.call((_c, turn) => void seen.push(turn.trace));
        context.to(inner).tell.act((_c, turn) => void seen.push(turn.trace));
      },
      { trace },
    );
    await world.until(answer);
    await world.run();
    expect(seen).toEqual([trace, trace]);
  });
});

describe('cancelling by AbortSignal', () => {
  const ask = (ref: ActorRef<typeof Puppet>, signal: AbortSignal, gate: Gate) =>
    codeOf(ref.ask.call(() => gate.opened, { signal }));

  it('before the send: nothing is sent', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    expect(await ask(ref, AbortSignal.abort(), new Gate())).toBe('CANCELLED');
    await world.run();
    expect(world.system.ledger).toMatchObject({ sent: 1, handled: 0, expired: 1 });
  });

  it('in the mailbox, in the stash, and while it waits for room', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet([], { mailbox: { capacity: 1, overflow: 'block' } }));
    const controller = new AbortController();
    const { signal } = controller;
    const stashed = codeOf(ref.ask.call((context) => context.stash(), { signal }));
    await world.run();
    ref.tell.act(() => gate.opened);
    await world.run();
    const queued = ask(ref, signal, gate);
    const waiting = ask(ref, signal, gate);
    await world.run();
    expect(world.system.inFlight()).toBe(4);
    controller.abort();
    world.balance();
    expect(world.system.inFlight()).toBe(1);
    expect(await Promise.all([stashed, queued, waiting])).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    gate.open();
    await world.run();
    expect(world.system.ledger).toMatchObject({ handled: 1, expired: 3 });
  });

  it('in the turn: the caller is answered at once, the turn’s signal is aborted', async () => {
    const world = new World();
    const gate = new Gate();
    const ref = world.system.spawn(puppet());
    const controller = new AbortController();
    let told = false;
    const code = codeOf(
      ref.ask.call(
        (_context, turn) => {
          turn.signal.addEventListener('abort', () => {
            told = true;
          });
          return gate.opened;
        },
        { signal: controller.signal },
      ),
    );
    await world.run();
    controller.abort();
    expect(await code).toBe('CANCELLED');
    expect(told).toBe(true);
    gate.open();
    await world.run();
    expect(world.system.ledger).toMatchObject({ handled: 1, lateReplies: 1 });
  });

  it('after the turn, with the reply deferred', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    const controller = new AbortController();
    const code = codeOf(ref.ask.call((_context, turn) => turn.defer(), { signal: controller.signal }));
    await world.run();
    controller.abort();
    expect(await code).toBe('CANCELLED');
    expect(world.system.ledger.handled).toBe(1);
  });

  it('after the answer: nothing happens, and the wheel and the signal have let go of it', async () => {
    const world = new World();
    const ref = world.system.spawn(puppet());
    let listeners = 0;
    let abort: (() => void) | undefined;
    const signal = {
      aborted: false,
      addEventListener: (_type: 'abort', listener: () => void) => {
        listeners++;
        abort = listener;
      },
      removeEventListener: () => {
        listeners--;
      },
    };
    expect(await world.until(ref.ask.call(() => 5, { signal }))).toBe(5);
    expect(listeners).toBe(0);
    expect(world.system.engine.wheel.size).toBe(0);
    abort?.();
    await world.run();
    expect(world.system.ledger).toMatchObject({ handled: 1, expired: 0 });
  });
});

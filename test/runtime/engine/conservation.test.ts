import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nativeChecksum } from '../../../src/adapters/checksum/native-checksum.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import type { FailureDirective, RestartType, Strategy } from '../../../src/runtime/supervision.ts';
import type { Turn } from '../../../src/runtime/turn.ts';
import { type Act, type Call, codeOf, fail, type Puppet, type PuppetContext, puppet } from './puppet.ts';
import { World } from './world.ts';

type Ref = ActorRef<typeof Puppet>;

/** What a message makes its actor do. */
const deeds = [
  'answer',
  'throw',
  'throw later',
  'answer a declared error',
  'hold the turn',
  'hold the turn, obeying its signal',
  'hang',
  'stash',
  'stash and throw',
  'stash and unstash',
  'unstash',
  'stop itself',
  'kill itself',
  'kill itself and answer a declared error',
  'defer',
  'defer and forget',
  'ask a neighbour',
  'ask a neighbour aside',
  'ask itself',
  'tell a neighbour',
  'subscribe to a neighbour',
] as const;
type Deed = (typeof deeds)[number];

const deed = fc.constantFrom(...deeds);
const actor = fc.nat(3);
const limits = fc.record({
  deadlineMs: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
  cancelAfterMs: fc.option(fc.nat(60), { nil: undefined, freq: 3 }),
});
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('tell' as const), to: actor, deed, limits }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('ask' as const), to: actor, deed, limits }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('urgent' as const), to: actor, deed, limits }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('feed' as const), to: actor, deed, limits }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop' as const), to: actor }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), to: actor }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), to: actor }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), to: fc.nat(80) }) },
);
const scene = fc.record({
  strategy: fc.constantFrom<Strategy>('one-for-one', 'all-for-one', 'rest-for-one'),
  directives: fc.array(fc.constantFrom<FailureDirective>('restart', 'resume', 'stop', 'escalate'), {
    minLength: 4,
    maxLength: 4,
  }),
  types: fc.array(fc.constantFrom<RestartType>('permanent', 'transient', 'temporary'), {
    minLength: 4,
    maxLength: 4,
  }),
  maxRestarts: fc.nat(4),
  commands: fc.array(command, { minLength: 1, maxLength: 60 }),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

const overflows = ['reject', 'drop-oldest', 'drop-newest', 'block'] as const;

/** Plays a scene; every message has an id of its own, in its trace, under which its dead letter is found. */
class Play {
  readonly world: World;
  readonly asks: { readonly id: string; readonly code: Promise<string> }[] = [];
  readonly #refs: Ref[] = [];
  readonly #scene: Scene;
  #sent = 0;

  constructor(played: Scene) {
    this.#scene = played;
    this.world = new World({ guardWith: nativeChecksum(), defaultDeadlineMs: 500 });
    this.#start();
  }

  get sent(): number {
    return this.#sent;
  }

  #start(): void {
    const { strategy, directives, types, maxRestarts } = this.#scene;
    const { system } = this.world;
    system.spawn(
      puppet([], {
        supervise: { strategy, maxRestarts, withinMs: 200 },
        setup: (context) => {
          overflows.forEach((overflow, i) => {
            const child = puppet([], {
              mailbox: { capacity: 2, overflow },
              stashCapacity: 2,
              stopMs: 40,
              turnsPerActivation: 2,
              restart: { type: types[i] as RestartType, backoff: { minMs: 0, maxMs: 30 } },
              setup: (c) => {
                c.onStop(() => {
                  if (c.incarnation % 3 === 0) fail('hook');
                });
              },
            });
            this.#refs[i] = context.spawn(child, { onFailure: directives[i] as FailureDirective });
          });
        },
      }),
    );
  }

  #ref(i: number): Ref {
    return this.#refs[i % 4] as Ref;
  }

  #id(): { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } {
    return { traceId: String(this.#sent++), spanId: '', sampled: false };
  }

  #ask(id: string, answer: Promise<unknown>): Promise<string> {
    const code = codeOf(answer);
    this.asks.push({ id, code });
    return code;
  }

  do(what: Deed, to: number, depth = 0): (context: PuppetContext, turn: Turn<unknown>) => unknown {
    const { world } = this;
    const wait = (ms: number) => new Promise<void>((resolve) => world.clock.after(ms, resolve));
    const neighbour = this.#ref(to + 1 + depth);
    const next =
      depth < 3 ? this.do(deeds[(deeds.indexOf(what) + 7) % deeds.length] as Deed, to, depth + 1) : () => 1;
    return (context, turn) => {
      switch (what) {
        case 'answer':
          return { bytes: new Uint8Array(2) };
        case 'throw':
          return fail();
        case 'throw later':
          return wait(15).then(() => fail());
        case 'answer a declared error':
          throw new LoomError('FENCED', 'declared');
        case 'hold the turn':
          return wait(35);
        case 'hold the turn, obeying its signal':
          return new Promise((resolve, reject) => {
            turn.signal.addEventListener('abort', () => reject(turn.signal.reason as Error));
            world.clock.after(60, () => resolve(undefined));
          });
        case 'hang':
          return wait(5000);
        case 'stash':
          return context.incarnation % 2 === 1 ? context.stash() : undefined;
        case 'stash and throw':
          context.stash();
          return fail();
        case 'stash and unstash':
          if (world.time.nowMs % 2 === 1 || world.time.eventCount % 3 > 0) return undefined;
          context.stash();
          context.unstash();
          return undefined;
        case 'unstash':
          return context.unstash();
        case 'stop itself':
          return context.stop();
        case 'kill itself':
          return world.system.kill(context.self);
        case 'kill itself and answer a declared error':
          world.system.kill(context.self);
          throw new LoomError('FENCED', 'declared');
        case 'defer':
        case 'defer and forget': {
          const reply = turn.defer();
          if (what === 'defer') world.clock.after(25, () => reply.resolve(1));
          return reply;
        }
        case 'ask itself': {
          const trace = this.#id();
          return this.#ask(
            trace.traceId,
            context.to(context.self).ask.call(() => 1, { trace }),
          );
        }
        case 'ask a neighbour':
        case 'ask a neighbour aside': {
          const trace = this.#id();
          const bound = what === 'ask a neighbour' ? context.to(neighbour) : context.aside(neighbour);
          const code = this.#ask(trace.traceId, bound.ask.call(next, { trace, deadlineMs: 90 }));
          return what === 'ask a neighbour' ? code : context.pipe(code, () => undefined);
        }
        case 'tell a neighbour':
          return void context.to(neighbour).tell.act(next as Act, { trace: this.#id() });
        case 'subscribe to a neighbour':
          this.#sent++;
          return void context.to(neighbour).subscribe.feed((feed) => void feed.push('x'));
      }
    };
  }

  async step(step: Scene['commands'][number]): Promise<void> {
    const { world } = this;
    if (step.kind === 'pass') return world.run(step.to);
    const ref = this.#ref(step.to);
    if (step.kind === 'stop') void world.system.stop(ref);
    else if (step.kind === 'kill') world.system.kill(ref);
    else if (step.kind === 'drain') void world.system.drainActor(ref, 50);
    else {
      const { deadlineMs, cancelAfterMs } = step.limits;
      const act = this.do(step.deed, step.to);
      if (step.kind === 'feed') {
        this.#sent++;
        ref.subscribe.feed((feed) => void feed.push('x'));
      } else if (step.kind === 'ask') {
        const trace = this.#id();
        const controller = new AbortController();
        if (cancelAfterMs === 0) controller.abort();
        else if (cancelAfterMs !== undefined) world.clock.after(cancelAfterMs, () => controller.abort());
        const options = { trace, signal: controller.signal };
        const ask = ref.ask.call(
          act as Call,
          deadlineMs === undefined ? options : { ...options, deadlineMs },
        );
        void this.#ask(trace.traceId, ask);
      } else {
        const trace = this.#id();
        const send = step.kind === 'tell' ? ref.tell.act : ref.tell.urgent;
        send.call(ref.tell, act as Act, deadlineMs === undefined ? { trace } : { trace, deadlineMs });
      }
    }
    world.balance();
    await world.run();
  }
}

it('every message ends in exactly one state, whatever happens to its actor', async () => {
  const reached = new Set<string>();
  await fc.assert(
    fc.asyncProperty(scene, async (played) => {
      const play = new Play(played);
      const { world } = play;
      const { system } = world;
      for (const step of played.commands) await play.step(step);
      void system.close();
      await world.run(20_000);

      expect(system.actorCount).toBe(0);
      expect(system.inFlight()).toBe(0);
      const books = system.ledger.snapshot();
      expect(books.sent).toBe(play.sent);
      const { handled, failed, refused, dropped, expired, deadLettered, lost } = books;
      expect(handled + failed + refused + dropped + expired + deadLettered + lost).toBe(books.sent);

      const letters = new Map<string, string>();
      let nameless = 0;
      for (const { letter } of world.of('dead-letter')) {
        reached.add(`${letter.state} ${letter.code}`);
        if (letter.traceId === undefined) nameless++;
        else {
          expect(letters.has(letter.traceId), `two letters for ${letter.traceId}`).toBe(false);
          letters.set(letter.traceId, letter.code);
        }
      }
      expect(letters.size + nameless).toBe(books.sent - handled);
      expect(system.deadLetters.total).toBe(letters.size + nameless);

      for (const { id, code } of play.asks) {
        const answer = await code;
        if (letters.has(id)) expect(answer, `the asker of ${id}, ${letters.get(id)}`).not.toBe('resolved');
      }
      expect(system.engine.wheel.size).toBe(0);
      expect(system.engine.guard?.watched).toBe(0);
      const odd = world.of('internal-error').filter(({ where }) => !where.startsWith('stop hook'));
      expect(odd).toEqual([]);
    }),
    { numRuns: 800 },
  );
  // The programs really go through every state.
  expect([...reached].toSorted()).toEqual([
    'deadLettered ACTOR_STOPPED',
    'deadLettered NO_SUCH_ACTOR',
    'dropped MAILBOX_FULL',
    'expired CANCELLED',
    'expired DEADLINE_EXCEEDED',
    'failed HANDLER_FAILED',
    'failed UNKNOWN_OUTCOME',
    'refused CALL_CYCLE',
    'refused MAILBOX_FULL',
  ]);
}, 60_000);

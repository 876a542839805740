import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { type BehaviorSettings, behavior } from '../../../src/runtime/behavior.ts';
import type { LocalRef } from '../../../src/runtime/local-ref.ts';
import { protocol, request, signal } from '../../../src/runtime/protocol.ts';
import { PullWorker } from '../../../src/runtime/pull-protocol.ts';
import { type PullRouterSettings, pullRouter } from '../../../src/runtime/pull-router.ts';
import { unchecked } from '../../../src/runtime/schema.ts';
import type { TraceContext } from '../../../src/runtime/trace-context.ts';
import { codeOf, fail } from './puppet.ts';
import { World } from './world.ts';

const Mill = protocol('mill', {
  grind: request({ in: unchecked<string>(), out: unchecked<string>(), errors: ['FENCED'] }),
  note: signal({ in: unchecked<string>() }),
});

type MillRef = ActorRef<typeof Mill>;
type Pool = ActorRef<ReturnType<typeof pool>['protocol']>;

function pool(settings: PullRouterSettings<typeof Mill>) {
  return pullRouter(Mill, 'grind', settings);
}

/** A piece that a worker has: how it ends is the test's choice. */
interface Held {
  readonly worker: string;
  readonly piece: string;
  readonly remainingMs: number;
  readonly trace: TraceContext | undefined;
  readonly signal: AbortSignal;
  end(answer: string | LoomError | Error): void;
}

class Works {
  readonly world = new World();
  /** Every piece that a worker was given, in order. */
  readonly given: Held[] = [];
  readonly codes: Record<string, string> = {};

  /** A worker that takes any number of pieces at once: what keeps it to its credits is the router. */
  worker(name: string, settings: BehaviorSettings = {}): MillRef {
    return this.world.system.spawn(
      behavior(
        Mill,
        (context) => ({
          grind: (piece, turn) => {
            const reply = turn.defer();
            const { remainingMs, trace, signal } = turn;
            const end = (answer: string | LoomError | Error): void => {
              if (typeof answer === 'string') reply.resolve(answer);
              else reply.reject(answer);
            };
            this.given.push({ worker: context.self.address, piece, remainingMs, trace, signal, end });
            return reply;
          },
          note: () => fail(),
        }),
        settings,
      ),
      { name },
    );
  }

  pool(settings: PullRouterSettings<typeof Mill>): Pool {
    return this.world.system.spawn(pool(settings), { name: 'pool' });
  }

  /** Asks, and keeps what became of it. */
  ask(ref: Pool, piece: string, deadlineMs = 10_000): void {
    void codeOf(ref.ask.work(piece, { deadlineMs })).then((code) => {
      this.codes[piece] = code;
    });
  }

  get handedOut(): string[] {
    return this.given.map(({ worker, piece }) => `${worker.slice(3)}:${piece}`);
  }

  end(piece: string, answer: string | LoomError | Error = 'flour'): Promise<void> {
    this.given.find((held) => held.piece === piece)?.end(answer);
    return this.world.run();
  }
}

const refusal = (code: 'FENCED' | 'ACTOR_STOPPED') => new LoomError(code, 'a test');

describe('credits (PR1)', () => {
  it('a worker has one piece at a time', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')] });
    for (const piece of ['1', '2', '3']) works.ask(ref, piece);
    await works.world.run();
    expect(works.handedOut).toEqual(['a:1']);
    await works.end('1');
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
    expect(works.codes).toEqual({ 1: 'resolved' });
  });

  it('or as many as its credits', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a'), works.worker('b')], credits: 2 });
    for (const piece of ['1', '2', '3', '4', '5']) works.ask(ref, piece);
    await works.world.run();
    expect(works.handedOut.toSorted()).toEqual(['a:1', 'a:3', 'b:2', 'b:4']);
  });

  it('a worker that is removed keeps its piece, and gets no credit for coming back', async () => {
    const works = new Works();
    const worker = works.worker('a');
    const ref = works.pool({ workers: [worker] });
    works.ask(ref, '1');
    await works.world.run();
    ref.tell.removeWorker(worker);
    works.ask(ref, '2');
    await works.world.run();
    expect((worker as unknown as LocalRef).cell.extra?.watchers.size, 'not watched any more').toBe(0);
    expect(await works.world.until(ref.ask.addWorker(worker))).toBe(1);
    await works.world.run();
    expect(works.handedOut).toEqual(['a:1']);
    await works.end('1');
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
    expect(works.codes).toEqual({ 1: 'resolved' });
  });

  it('a worker that is added twice is one worker', async () => {
    const works = new Works();
    const worker = works.worker('a');
    const ref = works.pool({ workers: [worker, worker] });
    expect(await works.world.until(ref.ask.addWorker(worker))).toBe(1);
    for (const piece of ['1', '2']) works.ask(ref, piece);
    await works.world.run();
    expect(works.handedOut).toEqual(['a:1']);
  });

  it('what an earlier incarnation of the router tells gives no credit and takes no worker', async () => {
    const works = new Works();
    const worker = works.worker('a');
    const ref = works.pool({ workers: [worker] });
    const own = ref.tell as unknown as Record<'pieceEnded' | 'workerEnded', (worker: PullWorker) => string>;
    for (const piece of ['1', '2', '3']) works.ask(ref, piece);
    await works.world.run();
    const earlier = new PullWorker(worker);
    earlier.taken = 1;
    own.pieceEnded(earlier);
    own.workerEnded(new PullWorker(worker));
    await works.world.run();
    expect(works.handedOut).toEqual(['a:1']);
    await works.end('1');
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
  });

  it('a router that restarts begins anew with its first workers', async () => {
    const works = new Works();
    const restart = { backoff: { minMs: 10, maxMs: 10, factor: 1, jitter: 0 } };
    const ref = works.pool({ workers: [works.worker('a')], behavior: { restart } });
    works.ask(ref, '1');
    await works.world.run();
    ref.tell.removeWorker(undefined as unknown as MillRef);
    await works.world.run();
    await works.end('1');
    await works.world.run(100);
    expect(works.codes).toEqual({ 1: 'resolved' });
    expect(works.world.of('actor-restarting')).toHaveLength(1);
    for (const piece of ['2', '3']) works.ask(ref, piece);
    await works.world.run();
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
  });
});

describe('order (PR2)', () => {
  it('first come, first served, to the worker that has waited longest', async () => {
    const works = new Works();
    const ref = works.pool({ workers: ['a', 'b', 'c'].map((name) => works.worker(name)) });
    for (const piece of ['1', '2', '3', '4', '5', '6']) works.ask(ref, piece);
    await works.world.run();
    for (const piece of ['2', '3', '1']) await works.end(piece);
    expect(works.handedOut).toEqual(['a:1', 'b:2', 'c:3', 'b:4', 'c:5', 'a:6']);
    for (const piece of ['6', '4', '5']) await works.end(piece);
    for (const piece of ['7', '8', '9']) works.ask(ref, piece);
    await works.world.run();
    expect(works.handedOut.slice(6)).toEqual(['a:7', 'b:8', 'c:9']);
  });

  it('what waits goes to a worker as soon as there is one', async () => {
    const works = new Works();
    const ref = works.pool({});
    works.ask(ref, '1');
    await works.world.run();
    expect(await works.world.until(ref.ask.addWorker(works.worker('a')))).toBe(1);
    await works.world.run();
    expect(works.handedOut).toEqual(['a:1']);
  });
});

describe('the queue (PR3)', () => {
  it('is bounded: one more is refused, as an answer and no failure', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')], capacity: 2 });
    for (const piece of ['1', '2', '3', '4']) works.ask(ref, piece);
    await works.world.run();
    expect(works.codes).toEqual({ 4: 'MAILBOX_FULL' });
    const refused = await works.world.until(ref.attempt.work('5'));
    expect(refused).toMatchObject({ ok: false, declared: 'MAILBOX_FULL' });
    expect(works.world.of('actor-failed')).toEqual([]);
    await works.end('1');
    works.ask(ref, '6');
    await works.world.run();
    expect(works.codes).toEqual({ 1: 'resolved', 4: 'MAILBOX_FULL' });
  });

  it('holds no place for a piece whose asker has left, in the middle or at an end', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')], capacity: 3 });
    works.ask(ref, '1');
    works.ask(ref, '2', 100);
    works.ask(ref, '3');
    works.ask(ref, '4', 100);
    await works.world.run(200);
    expect(works.codes).toEqual({ 2: 'DEADLINE_EXCEEDED', 4: 'DEADLINE_EXCEEDED' });
    for (const piece of ['5', '6', '7']) works.ask(ref, piece);
    await works.world.run();
    expect(works.codes).toEqual({ 2: 'DEADLINE_EXCEEDED', 4: 'DEADLINE_EXCEEDED', 7: 'MAILBOX_FULL' });
    for (const piece of ['1', '3', '5', '6']) await works.end(piece);
    expect(works.handedOut).toEqual(['a:1', 'a:3', 'a:5', 'a:6']);
  });
});

describe('the asker’s call (PR4)', () => {
  it('gives its deadline, less what it waited, and its trace to the worker', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')] });
    works.ask(ref, '1');
    await works.world.run();
    const trace: TraceContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
    const answer = ref.ask.work('2', { deadlineMs: 1000, trace });
    await works.world.run(300);
    await works.end('1');
    expect(works.given[1]).toMatchObject({ remainingMs: 700, trace });
    await works.end('2', 'fine flour');
    expect(await works.world.until(answer)).toBe('fine flour');
  });

  it('cancels the work when its deadline passes or its caller leaves, and the worker is free again', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')] });
    const controller = new AbortController();
    const codes = [
      codeOf(ref.ask.work('1', { deadlineMs: 100 })),
      codeOf(ref.ask.work('2', { signal: controller.signal })),
    ];
    await works.world.run(120);
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
    works.ask(ref, '3');
    await works.world.run();
    controller.abort();
    await works.world.run();
    expect(works.given.map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
    expect(await Promise.all(codes)).toEqual(['DEADLINE_EXCEEDED', 'CANCELLED']);
    expect(works.world.of('late-reply'), 'nobody is answered twice').toEqual([]);
  });

  it('is not begun when its deadline has just passed', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')] });
    works.ask(ref, '1');
    works.ask(ref, '2', 100);
    await works.world.run(100);
    expect(works.codes, 'the timers have not told it yet').toEqual({});
    await works.end('1');
    await works.world.run(10);
    expect(works.handedOut).toEqual(['a:1']);
    expect(works.codes).toEqual({ 1: 'resolved', 2: 'DEADLINE_EXCEEDED' });
  });

  it('is as urgent to the router as it is to a worker', () => {
    const Fire = protocol('fire', {
      douse: request({ in: unchecked<string>(), out: unchecked<string>(), priority: true }),
    });
    expect(pullRouter(Fire, 'douse').protocol.messages.work.priority).toBe(true);
    expect(pool({}).protocol.messages.work.priority).toBe(false);
  });

  it('gets the worker’s own error, declared or not; another piece goes to others', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a'), works.worker('b')] });
    const declared = ref.attempt.work('1');
    const thrown = ref.attempt.work('2');
    works.ask(ref, '3');
    await works.world.run();
    await works.end('1', refusal('FENCED'));
    await works.end('2', new Error('dust'));
    expect(await declared).toMatchObject({ ok: false, declared: 'FENCED' });
    expect(await thrown).toMatchObject({ ok: false, declared: undefined, error: { code: 'HANDLER_FAILED' } });
    expect(works.handedOut).toEqual(['a:1', 'b:2', 'a:3']);
  });

  it('hears when its worker is killed, at once', async () => {
    const works = new Works();
    const worker = works.worker('a');
    const ref = works.pool({ workers: [worker, works.worker('b')] });
    for (const piece of ['1', '2', '3']) works.ask(ref, piece);
    await works.world.run();
    works.world.system.kill(worker);
    await works.world.run();
    expect(works.codes).toEqual({ 1: 'UNKNOWN_OUTCOME' });
    await works.end('2');
    expect(works.handedOut).toEqual(['a:1', 'b:2', 'b:3']);
  });
});

describe('bad workers (PR5)', () => {
  it('one that fails a piece rests; one that answers with a declared error does not', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')], restMs: 50 });
    for (const piece of ['1', '2', '3']) works.ask(ref, piece);
    await works.world.run();
    await works.end('1', refusal('FENCED'));
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
    await works.end('2', new Error('dust'));
    await works.world.run(49);
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
    await works.world.run(1);
    expect(works.handedOut).toEqual(['a:1', 'a:2', 'a:3']);
  });

  it('one that is stopping does not draw all the work to itself', async () => {
    const works = new Works();
    const stopping = works.world.system.spawn(
      behavior(Mill, (context) => {
        context.onStop(() => new Promise(() => undefined));
        return { grind: () => 'never', note: () => undefined };
      }),
    );
    const ref = works.pool({ workers: [stopping, works.worker('b')] });
    void works.world.system.stop(stopping);
    for (let piece = 1; piece <= 10; piece++) works.ask(ref, `${piece}`);
    await works.world.run();
    for (let piece = 2; piece <= 10; piece++) await works.end(`${piece}`);
    expect(works.codes).toMatchObject({ 1: 'ACTOR_STOPPED', 2: 'resolved', 10: 'resolved' });
    expect(Object.values(works.codes).filter((code) => code !== 'resolved')).toEqual(['ACTOR_STOPPED']);
  });

  it('one that has ended gets nothing more, and makes room for another', async () => {
    const works = new Works();
    const [a, b] = [works.worker('a'), works.worker('b')];
    const ref = works.pool({ workers: [a], maxWorkers: 1, restMs: 0 });
    expect(await works.world.until(ref.attempt.addWorker(b))).toMatchObject({ declared: 'NODE_LIMIT' });
    await works.world.until(works.world.system.stop(a));
    await works.world.run();
    works.ask(ref, '1');
    await works.world.run();
    expect(works.codes).toEqual({});
    expect(await works.world.until(ref.ask.addWorker(b))).toBe(1);
    await works.world.run();
    expect(works.handedOut).toEqual(['b:1']);
  });

  it('a restart is no end', async () => {
    const works = new Works();
    const worker = works.worker('a');
    const ref = works.pool({ workers: [worker] });
    worker.tell.note('fail');
    await works.world.run(100);
    works.ask(ref, '1');
    await works.world.run();
    expect(works.handedOut).toEqual(['a:1']);
  });
});

describe('what the router tells itself outlasts a full mailbox', () => {
  const full = { mailbox: { capacity: 1 } };

  it('no credit is lost (PR1, PR2)', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')], behavior: full });
    works.ask(ref, '1');
    await works.world.run();
    works.given[0]?.end('flour');
    // The mailbox is full at whatever step of the answer's way the router is told of it.
    for (let piece = 2; piece < 20; piece++) {
      works.ask(ref, `${piece}`);
      await Promise.resolve();
    }
    await works.world.run();
    expect(works.world.letters()).toContain('refused MAILBOX_FULL pieceEnded');
    expect(works.handedOut).toEqual(['a:1']);
    await works.world.run(10);
    expect(works.handedOut).toEqual(['a:1', 'a:2']);
  });

  it('no end of a worker is lost (PR5)', async () => {
    const works = new Works();
    const worker = works.worker('a');
    const ref = works.pool({ workers: [worker, works.worker('b')], maxWorkers: 2, behavior: full });
    works.ask(ref, '1');
    works.world.system.kill(worker);
    await works.world.run();
    expect(works.world.letters()).toContain('refused MAILBOX_FULL workerEnded');
    await works.world.run(200);
    expect(await works.world.until(ref.ask.addWorker(works.worker('c')))).toBe(2);
  });
});

describe('a stop (PR6)', () => {
  it('answers what waited at once, and waits for what workers have', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')] });
    for (const piece of ['1', '2']) works.ask(ref, piece);
    await works.world.run();
    const stopped = works.world.system.stop(ref);
    await works.world.run(100);
    expect(works.codes).toEqual({ 2: 'ACTOR_STOPPED' });
    await works.end('1');
    await works.world.until(stopped);
    expect(works.codes).toEqual({ 1: 'resolved', 2: 'ACTOR_STOPPED' });
    expect(works.world.letters(), 'nothing of its own is left behind').toEqual([]);
  });

  it('takes no time when nothing is under way', async () => {
    const works = new Works();
    const ref = works.pool({ workers: [works.worker('a')] });
    await works.world.until(works.world.system.stop(ref), 0);
    expect(works.world.of('stop-overdue')).toEqual([]);
  });

  it('but no longer than its limit; and a kill waits for nothing', async () => {
    const works = new Works();
    for (const end of ['stop', 'kill']) {
      const worker = works.worker(end);
      const ref = works.world.system.spawn(pool({ workers: [worker], behavior: { stopMs: 100 } }));
      for (const piece of [`${end} 1`, `${end} 2`]) works.ask(ref, piece);
      await works.world.run();
      if (end === 'stop') await works.world.until(works.world.system.stop(ref));
      else works.world.system.kill(ref);
    }
    await works.world.run();
    expect(works.codes).toEqual({
      'stop 1': 'UNKNOWN_OUTCOME',
      'stop 2': 'ACTOR_STOPPED',
      'kill 1': 'UNKNOWN_OUTCOME',
      'kill 2': 'UNKNOWN_OUTCOME',
    });
    expect(works.given.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });
});

it('refuses definitions out of range, more workers than it may have, and what is no request', () => {
  const works = new Works();
  const workers = [works.worker('a'), works.worker('b')];
  const bad: PullRouterSettings<typeof Mill>[] = [
    { credits: 0 },
    { credits: 1.5 },
    { credits: 1025 },
    { capacity: 0 },
    { capacity: 1_000_001 },
    { maxWorkers: 1025 },
    { restMs: -1 },
    { restMs: 60_001 },
    { workers, maxWorkers: 1 },
  ];
  for (const settings of bad) expect(() => pool(settings)).toThrow('INVALID_DEFINITION');
  expect(() => pullRouter(Mill, 'note' as 'grind')).toThrow('INVALID_DEFINITION');
});

it('takes no reference and no worker from another node’s bytes', () => {
  const { messages } = pool({}).protocol;
  for (const definition of Object.values(messages)) {
    if (definition.name === 'work') continue;
    for (const value of [undefined, null, 7, 'n1/a', {}, { address: 'n1/a', taken: 0 }])
      expect(definition.in['~standard'].validate(value), definition.name).toHaveProperty('issues');
  }
});

it('whatever comes, ends, fails, joins and leaves: credits, order and no idling hold (PR1, PR2, PR3, PR4)', async () => {
  const names = ['a', 'b', 'c'];
  const step = fc.record({
    kind: fc.constantFrom(
      'ask' as const,
      'ask' as const,
      'ask' as const,
      'end' as const,
      'end' as const,
      'fail' as const,
      'cancel' as const,
      'join' as const,
      'leave' as const,
    ),
    at: fc.nat(),
  });
  const shape = { credits: fc.integer({ min: 1, max: 3 }), steps: fc.array(step, { maxLength: 60 }) };
  await fc.assert(
    fc.asyncProperty(fc.record(shape), async ({ credits, steps }) => {
      const capacity = 4;
      const works = new Works();
      const workers = names.map((name) => works.worker(name));
      const ref = works.pool({ workers, credits, capacity, restMs: 0 });
      const inside = new Set(names.map((name) => `n1/${name}`));
      const open = new Set<Held>();
      const askers = new Map<string, AbortController>();
      const waiting: string[] = [];
      const busy = (address: string) => [...open].filter(({ worker }) => worker === address).length;
      let asked = 0;
      let seen = 0;
      for (const { kind, at } of steps) {
        const held = [...open][at % Math.max(1, open.size)];
        const worker = workers[at % workers.length] as MillRef;
        const before = waiting.length;
        if (kind === 'ask') {
          const piece = `${asked++}`;
          const controller = new AbortController();
          void codeOf(ref.ask.work(piece, { signal: controller.signal })).then((code) => {
            works.codes[piece] = code;
          });
          askers.set(piece, controller);
          waiting.push(piece);
        } else if ((kind === 'end' || kind === 'fail') && held !== undefined) {
          held.end(kind === 'end' ? 'flour' : refusal('ACTOR_STOPPED'));
          open.delete(held);
        } else if (kind === 'cancel' && waiting.length > 0) {
          const [piece] = waiting.splice(at % waiting.length, 1);
          askers.get(piece as string)?.abort();
        } else if (kind === 'join') {
          inside.add(worker.address);
          await works.world.until(ref.ask.addWorker(worker));
        } else if (kind === 'leave') {
          inside.delete(worker.address);
          ref.tell.removeWorker(worker);
        }
        await works.world.run();
        for (; seen < works.given.length; seen++) {
          const taken = works.given[seen] as Held;
          expect(inside).toContain(taken.worker);
          expect(taken.piece, 'first come, first served').toBe(waiting.shift());
          open.add(taken);
        }
        for (const name of names) expect(busy(`n1/${name}`)).toBeLessThanOrEqual(credits);
        if (kind === 'ask' && waiting.length > capacity) {
          expect(before).toBe(capacity);
          expect(works.codes[waiting.pop() as string]).toBe('MAILBOX_FULL');
        }
        const idle = [...inside].filter((address) => busy(address) < credits);
        if (idle.length > 0) expect(waiting, 'nothing waits while a worker is free').toEqual([]);
      }
      const everyone = new Set(works.given.map(({ piece }) => piece));
      expect(everyone.size, 'no piece is given twice').toBe(works.given.length);
      const pending = new Set([...waiting, ...[...open].map(({ piece }) => piece)]);
      for (let piece = 0; piece < asked; piece++)
        expect(`${piece}` in works.codes).toBe(!pending.has(`${piece}`));
    }),
    { numRuns: 60 },
  );
});

it('spreads work evenly over workers of one pace', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 3 }),
      async (count, credits) => {
        const works = new Works();
        const workers = Array.from({ length: count }, (_, i) => works.worker(`w${i}`));
        const ref = works.pool({ workers, credits });
        const pieces = count * credits * 4;
        for (let piece = 0; piece < pieces; piece++) works.ask(ref, `${piece}`);
        await works.world.run();
        for (let ended = 0; ended < works.given.length; ended++) {
          works.given[ended]?.end('flour');
          await works.world.run();
        }
        const counts = workers.map(
          ({ address }) => works.given.filter(({ worker }) => worker === address).length,
        );
        expect(counts).toEqual(counts.map(() => pieces / count));
      },
    ),
    { numRuns: 20 },
  );
});

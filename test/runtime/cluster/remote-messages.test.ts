import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import { protocol, request, signal } from '../../../src/runtime/protocol.ts';
import { unchecked } from '../../../src/runtime/schema.ts';
import { Cluster, type ClusterOptions, codeOf, errorOf, type NodeLife } from './cluster-fixture.ts';

const Parrot = protocol('parrot', {
  say: request({ in: z.object({ text: z.string() }), out: z.string() }),
  refuse: request({ in: z.object({ code: z.string() }), out: z.string(), errors: ['FENCED'] }),
  hear: signal({ in: z.object({ text: z.string() }) }),
  /** Answers when told to give up, or after so many milliseconds. */
  linger: request({ in: z.object({ ms: z.number() }), out: z.string() }),
  grow: request({ in: z.object({ bytes: z.number() }), out: z.instanceof(Uint8Array) }),
  lie: request({ in: z.object({}), out: z.string() }),
  turn: request({ in: z.object({}), out: z.object({ remainingMs: z.number(), traceId: z.string() }) }),
});

/** The same messages as a sender without types may make them. */
const Loose = protocol('parrot', {
  say: request({ in: unchecked<unknown>(), out: unchecked<unknown>() }),
  hear: signal({ in: unchecked<unknown>() }),
  sing: request({ in: unchecked<unknown>(), out: unchecked<unknown>() }),
  whistle: signal({ in: unchecked<unknown>() }),
});
const Foreign = protocol('budgie', { say: request({ in: unchecked<unknown>(), out: unchecked<unknown>() }) });

const trace = { traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef', sampled: true };

interface World {
  readonly cluster: Cluster;
  readonly heard: string[];
  readonly given: string[];
  readonly parrot: ActorRef<typeof Parrot>;
  readonly a: NodeLife;
  readonly b: NodeLife;
}

async function world(options: ClusterOptions = {}): Promise<World> {
  const heard: string[] = [];
  const given: string[] = [];
  const parrot = behavior(
    Parrot,
    (context) => ({
      say: ({ text }) => `${text}!`,
      refuse: ({ code }) => {
        throw code === 'FENCED' ? new LoomError('FENCED', 'too old') : new Error(code);
      },
      hear: ({ text }) => {
        heard.push(text);
      },
      linger: ({ ms }, turn) =>
        new Promise((resolve, reject) => {
          const timer = clock(cluster, context.node).after(ms, () => resolve('after all'));
          turn.signal.addEventListener('abort', () => {
            timer.cancel();
            given.push((turn.signal.reason as LoomError).code);
            reject(turn.signal.reason as Error);
          });
        }),
      grow: ({ bytes }) => new Uint8Array(bytes),
      lie: () => 7 as unknown as string,
      turn: (_body, turn) => ({ remainingMs: turn.remainingMs, traceId: turn.trace?.traceId ?? '' }),
    }),
    { mailbox: { capacity: 4 } },
  );
  const cluster: Cluster = await Cluster.open(['a', 'b'], {
    ...options,
    setup: ({ node }) => {
      node.system.spawn(parrot, { name: 'parrot' });
    },
  });
  const a = cluster.life('a');
  return { cluster, heard, given, parrot: a.node.ref(Parrot, 'b', 'parrot'), a, b: cluster.life('b') };
}

function clock(cluster: Cluster, node: string): NodeLife['process'] {
  return cluster.life(node).process;
}

describe('messages to an actor on another node', () => {
  it('takes asks, attempts and tells there and back', async () => {
    const { cluster, parrot, heard, a, b } = await world();
    expect(await cluster.until(parrot.ask.say({ text: 'hallo' }))).toBe('hallo!');
    expect(await cluster.until(parrot.attempt.say({ text: 'hallo' }))).toEqual({ ok: true, value: 'hallo!' });
    expect(parrot.tell.hear({ text: 'ahoy' })).toBe('accepted');
    await cluster.advance(100);
    expect(heard).toEqual(['ahoy']);
    expect(a.node.system.ledger).toMatchObject({ sent: 3, handedOver: 3, handled: 0 });
    expect(b.node.system.ledger).toMatchObject({ received: 3, handled: 3 });
  });

  it('brings a declared error as its code and any other failure as HANDLER_FAILED', async () => {
    const { cluster, parrot, b } = await world();
    const declared = await cluster.until(parrot.attempt.refuse({ code: 'FENCED' }));
    expect(declared).toMatchObject({ ok: false, declared: 'FENCED' });
    const other = await cluster.until(errorOf(parrot.ask.refuse({ code: 'oh' })));
    expect(other.code).toBe('HANDLER_FAILED');
    expect(other.message).toContain('oh');
    expect(b.node.system.ledger).toMatchObject({ handled: 1, failed: 1 });
  });

  it('refuses a body that does not fit where it is decoded, and names the field', async () => {
    const { cluster, a, b, heard } = await world();
    const loose = a.node.ref(Loose, 'b', 'parrot');
    const error = await cluster.until(errorOf(loose.ask.say({ text: 7 })));
    expect(error.code).toBe('INVALID_MESSAGE');
    expect(error.message).toContain('parrot.say.text');
    loose.tell.hear({ text: 7 }, { trace });
    await cluster.advance(100);
    expect(heard).toEqual([]);
    expect(b.node.system.ledger).toMatchObject({ received: 2, refused: 2 });
    expect(a.letters).toEqual([
      {
        state: 'refused',
        code: 'INVALID_MESSAGE',
        target: 'b/parrot',
        protocol: 'parrot',
        message: 'hear',
        traceId: trace.traceId,
      },
    ]);
  });

  it('refuses a reply that does not fit', async () => {
    const { cluster, parrot } = await world();
    const error = await cluster.until(errorOf(parrot.ask.lie({})));
    expect(error.code).toBe('INVALID_MESSAGE');
    expect(error.message).toContain('parrot.lie (reply)');
  });

  it('tells at once of a message, a protocol or an actor that is not there', async () => {
    const { cluster, a, b } = await world();
    const startMs = cluster.time.nowMs;
    const codes = await cluster.until(
      Promise.all([
        codeOf(a.node.ref(Loose, 'b', 'parrot').ask.sing({})),
        codeOf(a.node.ref(Foreign, 'b', 'parrot').ask.say({})),
        codeOf(a.node.ref(Parrot, 'b', 'nobody').ask.say({ text: '' })),
        codeOf(a.node.ref(Parrot, 'b', 'parrot/child').ask.say({ text: '' })),
      ]),
    );
    expect(codes).toEqual(['UNKNOWN_MESSAGE', 'UNKNOWN_MESSAGE', 'NO_SUCH_ACTOR', 'NO_SUCH_ACTOR']);
    expect(cluster.time.nowMs - startMs).toBeLessThan(50);
    a.node.ref(Loose, 'b', 'parrot').tell.whistle({});
    a.node.ref(Loose, 'b', 'nobody').tell.hear({});
    await cluster.advance(100);
    expect(a.letterLines).toEqual(['refused UNKNOWN_MESSAGE whistle', 'deadLettered NO_SUCH_ACTOR hear']);
    expect(b.node.system.ledger).toMatchObject({ received: 6, refused: 3, deadLettered: 3 });
  });

  it('refuses a signal that is asked and a request that is told', async () => {
    const Swapped = protocol('parrot', {
      hear: request({ in: unchecked<unknown>(), out: unchecked<unknown>() }),
      say: signal({ in: unchecked<unknown>() }),
    });
    const { cluster, a } = await world();
    const swapped = a.node.ref(Swapped, 'b', 'parrot');
    expect(await cluster.until(codeOf(swapped.ask.hear({ text: '' })))).toBe('UNKNOWN_MESSAGE');
    swapped.tell.say({ text: '' });
    await cluster.advance(100);
    expect(a.letterLines).toEqual(['refused UNKNOWN_MESSAGE say']);
  });

  it('reaches actors of its own node by path too, and tells at once when there is none', async () => {
    const { cluster, b, heard } = await world();
    const here = b.node.ref(Parrot, 'b', 'parrot');
    expect(here.address).toBe('b/parrot');
    expect(await cluster.until(here.ask.say({ text: 'me' }))).toBe('me!');
    here.tell.hear({ text: 'me' });
    await cluster.advance(1);
    expect(heard).toEqual(['me']);
    const nobody = b.node.ref(Parrot, 'b', 'nobody');
    expect(await cluster.until(codeOf(nobody.ask.say({ text: '' })), 0)).toBe('NO_SUCH_ACTOR');
    expect(nobody.tell.hear({ text: '' })).toBe('gone');
    const foreign = b.node.ref(Loose, 'b', 'parrot');
    expect(await cluster.until(codeOf(foreign.ask.sing({})), 0)).toBe('UNKNOWN_MESSAGE');
    expect(b.letterLines).toEqual([
      'deadLettered NO_SUCH_ACTOR say',
      'deadLettered NO_SUCH_ACTOR hear',
      'refused UNKNOWN_MESSAGE sing',
    ]);
    // A name is followed to whoever has it.
    await cluster.until(b.node.system.stop(b.node.system.find('parrot') as ActorRef));
    expect(await cluster.until(codeOf(here.ask.say({ text: '' })), 0)).toBe('NO_SUCH_ACTOR');
  });

  it('brings word of a full mailbox', async () => {
    const { cluster, parrot, a, b } = await world();
    const busy = codeOf(parrot.ask.linger({ ms: 1000 }));
    await cluster.advance(100);
    for (let i = 0; i < 6; i++) parrot.tell.hear({ text: String(i) });
    const full = codeOf(parrot.ask.say({ text: '' }));
    expect(await cluster.until(full)).toBe('MAILBOX_FULL');
    expect(await cluster.until(busy)).toBe('resolved');
    await cluster.advance(100);
    expect(a.letterLines).toEqual(['refused MAILBOX_FULL hear', 'refused MAILBOX_FULL hear']);
    expect(b.node.system.ledger).toMatchObject({ received: 8, handled: 5, refused: 3 });
  });

  it('carries the trace', async () => {
    const { cluster, parrot } = await world();
    expect((await cluster.until(parrot.ask.turn({}, { trace }))).traceId).toBe(trace.traceId);
  });
});

describe('limits of a message', () => {
  it('refuses a body that is too large or is no value, at the sender, and books it', async () => {
    const { cluster, a } = await world({ link: { maxFrameBytes: 64 * 1024 } });
    const loose = a.node.ref(Loose, 'b', 'parrot');
    const tooLarge = await cluster.until(errorOf(loose.ask.say({ text: new Uint8Array(300 * 1024) })), 0);
    expect(tooLarge.message).toContain('larger than its limit');
    const forNoFrame = { text: new Uint8Array(100 * 1024) };
    expect(await cluster.until(codeOf(loose.ask.say(forNoFrame)), 0)).toBe('FRAME_TOO_LARGE');
    expect(() => loose.tell.hear(forNoFrame)).toThrow('FRAME_TOO_LARGE');
    expect(await cluster.until(codeOf(loose.ask.say({ text: () => 1 })), 0)).toBe('INVALID_MESSAGE');
    expect(a.node.system.ledger).toMatchObject({ sent: 4, refused: 4 });
    expect(a.letterLines).toEqual([
      'refused INVALID_MESSAGE say',
      'refused FRAME_TOO_LARGE say',
      'refused FRAME_TOO_LARGE hear',
      'refused INVALID_MESSAGE say',
    ]);
    await cluster.advance(5000);
  });

  it('tells the asker of a reply that is too large, and the actor lives on', async () => {
    const { cluster, parrot } = await world({ link: { maxFrameBytes: 64 * 1024 } });
    expect(await cluster.until(codeOf(parrot.ask.grow({ bytes: 300 * 1024 })))).toBe('INVALID_MESSAGE');
    expect(await cluster.until(codeOf(parrot.ask.grow({ bytes: 100 * 1024 })))).toBe('FRAME_TOO_LARGE');
    expect(await cluster.until(parrot.ask.say({ text: 'still' }))).toBe('still!');
  });

  it('delivers every reply although together they exceed the window of the link', async () => {
    const { cluster, parrot, b } = await world({ quality: { delayMs: 50 } });
    const bytes = 250 * 1024;
    await cluster.until(parrot.ask.say({ text: '' }));
    const replies: Promise<Uint8Array>[] = [];
    for (let i = 0; i < 40; i++) {
      replies.push(parrot.ask.grow({ bytes }));
      if (i % 3 === 2) await cluster.advance(2);
    }
    for (const reply of await cluster.until(Promise.all(replies))) expect(reply.length).toBe(bytes);
    expect(b.node.system.ledger.lateReplies).toBe(0);
  });

  it('answers `full` and LINK_FULL when the credits of the link are used up', async () => {
    const { cluster, parrot, heard, a } = await world({ link: { windowMessages: 64 } });
    await cluster.until(parrot.ask.say({ text: '' }));
    const outcomes = Array.from({ length: 80 }, (_, i) => parrot.tell.hear({ text: String(i) }));
    const accepted = outcomes.filter((outcome) => outcome === 'accepted').length;
    expect(accepted).toBeGreaterThan(40);
    expect(outcomes.slice(accepted)).toEqual(outcomes.slice(accepted).map(() => 'full'));
    expect(await cluster.until(codeOf(parrot.ask.say({ text: '' })), 0)).toBe('LINK_FULL');
    expect(a.letterLines.filter((line) => line === 'refused LINK_FULL hear').length).toBe(80 - accepted);
    await cluster.advance(1000);
    expect(parrot.tell.hear({ text: 'again' })).toBe('accepted');
    await cluster.advance(100);
    expect(heard.at(-1)).toBe('again');
  });
});

describe('deadlines over the wire', () => {
  it('gives the handler what is left of the time, less the transit', async () => {
    const { cluster, parrot } = await world({ quality: { delayMs: 40 } });
    for (let i = 0; i < 5; i++) await cluster.until(parrot.ask.say({ text: '' }));
    const { remainingMs } = await cluster.until(parrot.ask.turn({}, { deadlineMs: 1000 }));
    expect(remainingMs).toBeLessThanOrEqual(960);
    expect(remainingMs).toBeGreaterThan(900);
  });

  it('ends the call at its deadline and the work with it', async () => {
    const { cluster, parrot, given, a, b } = await world();
    const startMs = cluster.time.nowMs;
    expect(await cluster.until(codeOf(parrot.ask.linger({ ms: 9000 }, { deadlineMs: 500 })))).toBe(
      'DEADLINE_EXCEEDED',
    );
    expect(cluster.time.nowMs - startMs).toBeLessThan(520);
    await cluster.advance(100);
    expect(given.length).toBe(1);
    expect(b.node.system.ledger).toMatchObject({ received: 1, expired: 1 });
    expect(a.node.system.ledger).toMatchObject({ sent: 1, handedOver: 1 });
  });

  it('expires in the mailbox: an ask is answered, a tell is a dead letter', async () => {
    const { cluster, parrot, heard, a, b } = await world();
    const busy = codeOf(parrot.ask.linger({ ms: 1000 }));
    const late = codeOf(parrot.ask.say({ text: '' }, { deadlineMs: 300 }));
    parrot.tell.hear({ text: 'stale' }, { deadlineMs: 300 });
    expect(await cluster.until(late)).toBe('DEADLINE_EXCEEDED');
    await cluster.until(busy);
    await cluster.advance(100);
    expect(heard).toEqual([]);
    expect(a.letterLines).toEqual(['expired DEADLINE_EXCEEDED hear']);
    expect(b.node.system.ledger).toMatchObject({ handled: 1, expired: 2 });
  });

  it('takes any deadline that a caller may think of', async () => {
    const { cluster, parrot, heard } = await world();
    const endless = { deadlineMs: Number.POSITIVE_INFINITY };
    expect(await cluster.until(parrot.ask.say({ text: 'x' }, endless))).toBe('x!');
    parrot.tell.hear({ text: 'x' }, endless);
    await cluster.advance(100);
    expect(heard).toEqual(['x']);
    expect(await cluster.until(codeOf(parrot.ask.linger({ ms: 50 }, { deadlineMs: 0 })))).toBe(
      'DEADLINE_EXCEEDED',
    );
    await cluster.advance(100);
  });
});

describe('a cancelled call', () => {
  it('reaches the handler’s signal', async () => {
    const { cluster, parrot, given, a, b } = await world();
    const controller = new AbortController();
    const call = codeOf(parrot.ask.linger({ ms: 9000 }, { signal: controller.signal }));
    await cluster.advance(100);
    controller.abort();
    expect(await cluster.until(call, 0)).toBe('CANCELLED');
    await cluster.advance(100);
    expect(given).toEqual(['CANCELLED']);
    expect(b.node.system.ledger).toMatchObject({ received: 1, expired: 1 });
    expect(a.node.system.ledger.lateReplies).toBe(0);
  });

  it('reaches the work for a reply that is owed, when its turn is over', async () => {
    const { cluster, b } = await world();
    const Owing = protocol('owing', {
      work: request({ in: unchecked<unknown>(), out: unchecked<unknown>() }),
    });
    let signal: AbortSignal | undefined;
    const owing = behavior(Owing, () => ({
      work: (_body, turn) => {
        signal = turn.signal;
        return turn.defer();
      },
    }));
    b.node.system.spawn(owing, { name: 'owing' });
    const controller = new AbortController();
    const ref = cluster.node('a').ref(Owing, 'b', 'owing');
    const call = codeOf(ref.ask.work({}, { signal: controller.signal }));
    await cluster.advance(100);
    expect(signal?.aborted).toBe(false);
    controller.abort();
    expect(await cluster.until(call, 0)).toBe('CANCELLED');
    await cluster.advance(100);
    expect(signal?.aborted).toBe(true);
  });

  it('is cancelled there too when it was given up before it arrived', async () => {
    const { cluster, parrot, given, b } = await world();
    const controller = new AbortController();
    const call = codeOf(parrot.ask.linger({ ms: 9000 }, { signal: controller.signal }));
    controller.abort();
    expect(await cluster.until(call, 0)).toBe('CANCELLED');
    await cluster.advance(200);
    expect(b.node.inFlight()).toBe(0);
    expect(b.node.system.ledger).toMatchObject({ received: 1, expired: 1 });
    expect(given.length).toBeLessThanOrEqual(1);
  });

  it('is not sent when its signal was aborted before', async () => {
    const { cluster, parrot, a } = await world();
    expect(
      await cluster.until(codeOf(parrot.ask.say({ text: '' }, { signal: AbortSignal.abort() })), 0),
    ).toBe('CANCELLED');
    expect(a.node.system.ledger.sent).toBe(0);
  });
});

describe('a call chain over nodes', () => {
  const Link = protocol('link', { through: request({ in: z.array(z.string()), out: z.string() }) });

  it('refuses the call that would wait for itself', async () => {
    const cluster: Cluster = await Cluster.open(['a', 'b', 'c'], {
      setup: ({ node }) => {
        const link = behavior(Link, (context) => ({
          through: async ([next, ...rest]) =>
            next === undefined ? context.node : context.to(node.ref(Link, next, 'link')).ask.through(rest),
        }));
        node.system.spawn(link, { name: 'link' });
      },
    });
    const first = cluster.node('a').ref(Link, 'a', 'link');
    expect(await cluster.until(first.ask.through(['b', 'c']))).toBe('c');
    const startMs = cluster.time.nowMs;
    const error = await cluster.until(errorOf(first.ask.through(['b', 'a'])));
    expect(error.message).toContain('CALL_CYCLE');
    const longer = await cluster.until(errorOf(first.ask.through(['b', 'c', 'b'])));
    expect(longer.message).toContain('CALL_CYCLE');
    expect(cluster.time.nowMs - startMs).toBeLessThan(200);
  });
});

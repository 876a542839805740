import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import type { Fact } from '../../../src/runtime/facts.ts';
import { protocol, request, signal } from '../../../src/runtime/protocol.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import type { NetworkQuality } from '../../../src/runtime/simulation/simulated-network.ts';
import { Cluster, codeOf, type NodeLife } from './cluster-fixture.ts';

const Sink = protocol('sink', {
  ask: request({ in: z.object({ id: z.number(), ms: z.number(), fails: z.boolean() }), out: z.number() }),
  tell: signal({ in: z.object({ id: z.number(), ms: z.number(), fails: z.boolean() }) }),
});

const names = ['a', 'b', 'c'];
/** `STORM_FROM=17 STORM_SEEDS=1` replays one seed. */
const first = Number(process.env['STORM_FROM'] ?? 1);
const seeds = Number(process.env['STORM_SEEDS'] ?? 30);
const steps = 80;

/** What is known of one message. */
interface Sent {
  readonly from: NodeLife;
  readonly to: string;
  readonly kind: 'ask' | 'tell';
  /** How a tell was answered. */
  outcome: string;
  /** How an ask was settled, and how often. */
  code: string;
  settled: number;
  /** Lives on which a handler finished with it. */
  readonly handledBy: NodeLife[];
  readonly failedBy: NodeLife[];
  /** Final states other than handled, as `state code`, with the lives that keep records of them. */
  readonly letters: { readonly letter: string; readonly by: NodeLife }[];
}

/** Three nodes that send each other messages in bad weather. Each message has its number as its trace id. */
class Storm {
  cluster!: Cluster;
  readonly random: SeededRandom;
  readonly sent: Sent[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  static async open(seed: number): Promise<Storm> {
    const storm = new Storm(seed);
    storm.cluster = await Cluster.open(names, {
      seed,
      quality: weather(storm.random),
      registryDelayMs: 3,
      link: { windowMessages: 64, maxFrameBytes: 4096, windowBytes: 64 * 1024 },
      setup: (life) => storm.#setUp(life),
    });
    return storm;
  }

  #setUp(life: NodeLife): void {
    const work = async (id: number, ms: number, fails: boolean): Promise<number> => {
      if (ms > 0) await new Promise<void>((resolve) => life.process.after(ms, resolve));
      const message = this.sent[id] as Sent;
      if (fails) {
        message.failedBy.push(life);
        throw new LoomError('FENCED', `${id} is made to fail`);
      }
      message.handledBy.push(life);
      return id;
    };
    const sink = behavior(
      Sink,
      () => ({
        ask: ({ id, ms, fails }) => work(id, ms, fails),
        tell: async ({ id, ms, fails }) => {
          await work(id, ms, fails);
        },
      }),
      { mailbox: { capacity: 20 }, restart: { backoff: { minMs: 1, maxMs: 5 } } },
    );
    life.node.system.spawn(sink, { name: 'sink' });
    life.node.system.facts.listen((fact: Fact) => {
      if (fact.type !== 'dead-letter' || fact.letter.traceId === undefined) return;
      const letter = `${fact.letter.state} ${fact.letter.code}`;
      this.sent[Number.parseInt(fact.letter.traceId, 16)]?.letters.push({ letter, by: life });
    });
  }

  send(name: string): void {
    const { random } = this;
    const from = this.cluster.life(name);
    if (!from.lives || from.process.frozen) return;
    const id = this.sent.length;
    const kind = random.chance(0.5) ? 'ask' : 'tell';
    const target = random.pick(names);
    const message: Sent = {
      from,
      to: target,
      kind,
      outcome: '',
      code: '',
      settled: 0,
      handledBy: [],
      failedBy: [],
      letters: [],
    };
    this.sent.push(message);
    const body = { id, ms: random.chance(0.3) ? random.below(300) : 0, fails: random.chance(0.02) };
    const to = from.node.ref(Sink, target, random.chance(0.97) ? 'sink' : 'nobody');
    const trace = { traceId: id.toString(16).padStart(32, '0'), spanId: '0'.repeat(16), sampled: false };
    const deadlineMs = 50 + random.below(6000);
    if (kind === 'tell') {
      message.outcome = to.tell.tell(body, random.chance(0.5) ? { trace } : { trace, deadlineMs });
      return;
    }
    const controller = new AbortController();
    const options = { trace, deadlineMs, signal: controller.signal };
    codeOf(to.ask.ask(body, options)).then(
      (code) => {
        message.code = code;
        message.settled++;
      },
      () => undefined,
    );
    if (random.chance(0.1)) from.process.after(random.below(100), () => controller.abort());
  }

  async step(): Promise<void> {
    const { random, cluster } = this;
    const name = random.pick(names);
    const fate = random.below(100);
    if (fate < 70) for (let i = random.below(30); i >= 0; i--) this.send(name);
    else if (fate < 78) cluster.cut(name, random.pick(names), random.chance(0.5) ? 'one-way' : 'both-ways');
    else if (fate < 86) cluster.heal();
    else if (fate < 89) cluster.freeze(name);
    else if (fate < 93) cluster.thaw(name);
    else if (fate < 95) cluster.kill(name);
    else if (fate < 97) await this.restart();
    else cluster.network.setDefaultQuality(weather(random));
    await cluster.advance(random.chance(0.1) ? random.float() * 5000 : random.float() * 150);
  }

  /** What is dead is started again; a node whose epoch has ended is crashed first, as its host would do. */
  async restart(): Promise<void> {
    for (const name of names) {
      const life = this.cluster.life(name);
      if (life.ended() > 0 && life.lives) {
        life.node.crash();
        this.cluster.check();
        life.process.kill();
      }
      if (!life.lives) await this.cluster.start(name);
    }
  }

  async calm(): Promise<void> {
    const { cluster } = this;
    cluster.heal();
    cluster.network.setDefaultQuality({ loss: 0, duplication: 0, reordering: 0, spike: 0 });
    for (const name of names) cluster.thaw(name);
    await cluster.advance(4000);
    await this.restart();
    await cluster.advance(40_000);
  }
}

function weather(random: SeededRandom): Partial<NetworkQuality> {
  const bad = random.chance(0.7) ? 0.25 : 0;
  return {
    delayMs: 1 + random.float() * 40,
    jitterMs: random.float() * 40,
    loss: random.float() * bad,
    duplication: random.float() * bad,
    reordering: random.float() * bad,
    spike: random.float() * 0.03,
    spikeMs: 2500,
  };
}

describe('conservation', () => {
  it(`holds on every node after every event, and for every message in the end (${seeds} seeds)`, async () => {
    const reached = new Set<string>();
    for (let seed = first; seed < first + seeds; seed++) {
      const storm = await Storm.open(seed);
      for (let i = 0; i < steps; i++) await storm.step();
      await storm.calm();
      const { cluster, sent } = storm;
      for (const { name, node } of cluster.living) {
        const { ledger } = node.system;
        expect(ledger.open, `seed ${seed}: open on ${name}`).toBe(0);
        expect(ledger.unknown, `seed ${seed}: unknown on ${name}`).toBe(0);
        expect(node.inFlight(), `seed ${seed}: in flight on ${name}`).toBe(0);
      }
      let count = 0;
      for (const { node } of cluster.lives) count += node.system.ledger.sent;
      expect(count, `seed ${seed}: messages sent`).toBe(sent.length);
      const mortal = new Set(cluster.lives.filter((life) => !life.lives).map(({ name }) => name));
      for (const [id, message] of sent.entries()) {
        checkMessage(`seed ${seed}, message ${id}`, message, mortal);
        for (const { letter } of message.letters) reached.add(letter);
        if (message.kind === 'ask') reached.add(`ask ${message.code}`);
      }
    }
    if (seeds < 20) return;
    // The storms really bring messages into every state.
    for (const state of [
      'refused LINK_FULL',
      'refused MAILBOX_FULL',
      'deadLettered NODE_UNREACHABLE',
      'deadLettered NO_SUCH_ACTOR',
      'expired DEADLINE_EXCEEDED',
      'expired CANCELLED',
      'failed HANDLER_FAILED',
      'lost NODE_LOST',
      'ask resolved',
      'ask UNKNOWN_OUTCOME',
      'ask NODE_LOST',
      'ask DEADLINE_EXCEEDED',
      'ask CANCELLED',
      'ask HANDLER_FAILED',
      'ask MAILBOX_FULL',
    ])
      expect([...reached]).toContain(state);
  }, 600_000);
});

/** `mortal`: the nodes of which a life has ended. */
function checkMessage(where: string, message: Sent, mortal: ReadonlySet<string>): void {
  const { from, kind, letters, handledBy, failedBy } = message;
  const story = `${where}: ${kind} ${message.outcome}${message.code}, ${letters.map(({ letter }) => letter).join(', ')}`;
  const runs = [...handledBy, ...failedBy];
  expect(runs.length, `${story}: handled more than once`).toBeLessThanOrEqual(1);
  // The books of a life that ended are lost with it; of those that are kept, one has the message.
  const kept = new Set(letters.filter(({ by }) => by.lives).map(({ letter }) => letter));
  if (handledBy.some((life) => life.lives)) kept.add('handled');
  expect(kept.size, `${story}: ${[...kept].join(', ')}`).toBeLessThanOrEqual(1);
  // A message without a state in any book was taken, or sent, by a life that ended.
  if (kept.size === 0 && from.lives) expect(mortal.has(message.to), `${story}: no trace of it`).toBe(true);
  // What its sender was told never arrived, or was not taken, had no effect.
  for (const { letter, by } of letters) {
    const untouched = ['refused LINK_FULL', 'refused MAILBOX_FULL', 'deadLettered NODE_UNREACHABLE'];
    if (by === from && untouched.includes(letter))
      expect(runs.length, `${story}: and it was handled`).toBe(0);
  }
  if (kind === 'tell') {
    if (message.outcome !== 'accepted' && from.lives) expect(kept.size, story).toBe(1);
  } else {
    if (from.lives) expect(message.settled, `${story}: settled`).toBe(1);
    if (message.code === 'resolved') expect(handledBy.length, story).toBe(1);
  }
}

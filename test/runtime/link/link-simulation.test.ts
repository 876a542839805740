import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import type { NetworkQuality } from '../../../src/runtime/simulation/simulated-network.ts';
import { type LinkedNode, LinkedWorld } from './linked-nodes.ts';

/**
 * Two nodes under everything that a network and a process can do, for many seeds. At the end the network is whole and
 * every promise is checked item by item.
 */
const seeds = 120;
const steps = 120;
const finals = ['received', 'not-received', 'lost'];

const options = {
  maxFrameBytes: 1024,
  windowMessages: 64,
  windowBytes: 16 * 1024,
  reorderFrames: 6,
  reorderBytes: 4096,
  wantedForMs: 60_000,
};

class Storm {
  readonly world: LinkedWorld;
  readonly random: SeededRandom;
  readonly lives: Record<'a' | 'b', LinkedNode[]> = { a: [], b: [] };
  #nextTag = 1;
  #nextEpoch = 1;
  mostOutstanding = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.world = new LinkedWorld(seed, weather(this.random), options);
    this.start('a');
    this.start('b');
  }

  node(name: 'a' | 'b'): LinkedNode {
    return this.lives[name].at(-1) as LinkedNode;
  }

  start(name: 'a' | 'b'): void {
    this.lives[name].push(this.world.node(name, this.#nextEpoch++));
  }

  offer(name: 'a' | 'b'): void {
    const lane = this.random.chance(0.3) ? 'system' : 'user';
    const kind = lane === 'system' ? 'system' : this.random.pick(['ask', 'tell'] as const);
    const bytes = this.random.chance(0.1) ? 700 : 20;
    const node = this.node(name);
    if (!node.process.killed && !node.process.frozen) node.offer(this.#nextTag++, { lane, kind, bytes });
    this.mostOutstanding = Math.max(this.mostOutstanding, node.link.outstanding);
  }

  async step(): Promise<void> {
    const { random, world } = this;
    const name = random.pick(['a', 'b'] as const);
    const peer = name === 'a' ? 'b' : 'a';
    const node = this.node(name);
    const fate = random.below(100);
    if (fate < 70) for (let i = random.below(30); i >= 0; i--) this.offer(name);
    else if (fate < 78) world.network.cut({ node: name }, { node: peer });
    else if (fate < 88) world.network.mendAll();
    else if (fate < 90) node.process.freeze();
    else if (fate < 93) node.process.thaw();
    else if (fate < 95) {
      node.kill();
      this.start(name);
    } else if (fate < 97) node.link.peerGone();
    else world.network.setDefaultQuality(weather(random));
    await world.pass(random.chance(0.1) ? random.float() * 4000 : random.float() * 200);
  }

  /** The network is whole, everybody is awake, and all that was left open is settled. */
  async calm(): Promise<void> {
    const { network } = this.world;
    network.mendAll();
    network.setDefaultQuality({ loss: 0, duplication: 0, reordering: 0, spike: 0 });
    for (const name of ['a', 'b'] as const) {
      const node = this.node(name);
      node.process.thaw();
      node.link.want();
    }
    await this.world.pass(30_000);
  }
}

function weather(random: SeededRandom): Partial<NetworkQuality> {
  const bad = random.chance(0.7) ? 0.3 : 0;
  return {
    delayMs: 1 + random.float() * 50,
    jitterMs: random.float() * 50,
    loss: random.float() * bad,
    duplication: random.float() * bad,
    reordering: random.float() * bad,
    spike: random.float() * 0.05,
    spikeMs: 3000,
  };
}

/** What each life of a node took off its link, against what each life of the peer was told. */
function check(senders: readonly LinkedNode[], receivers: readonly LinkedNode[]): void {
  const delivered = new Map<number, number>();
  for (const receiver of receivers) {
    const last = new Map<string, number>();
    for (const { tag, lane, peerEpoch, linkEpoch } of receiver.deliveries) {
      delivered.set(tag, (delivered.get(tag) ?? 0) + 1);
      const stream = `${peerEpoch}/${linkEpoch}/${lane}`;
      expect(tag, `L3: the order of ${stream}`).toBeGreaterThan(last.get(stream) ?? 0);
      last.set(stream, tag);
    }
  }
  for (const [tag, times] of delivered) expect(times, `L3: deliveries of ${tag}`).toBe(1);
  for (const sender of senders) {
    for (const [tag, outcomes] of sender.outcomes) {
      const final = outcomes.at(-1);
      const told = outcomes.map((outcome) => (finals.includes(outcome) ? 'final' : 'unknown')).join(' ');
      if (sender.process.killed) expect(['', 'unknown', 'final', 'unknown final']).toContain(told);
      else expect(['final', 'unknown final'], `L4: ${tag} was told ${outcomes.join(' ')}`).toContain(told);
      if (final === 'received') expect(delivered.has(tag), `L4: ${tag} was received`).toBe(true);
      if (final === 'not-received') expect(delivered.has(tag), `L4: ${tag} was not received`).toBe(false);
    }
  }
}

async function run(seed: number): Promise<Storm> {
  const storm = new Storm(seed);
  for (let i = 0; i < steps; i++) await storm.step();
  await storm.calm();
  return storm;
}

describe('two links in a storm', () => {
  const faults: Record<string, number> = {};
  const seen: Record<string, number> = {};

  for (let seed = 1; seed <= seeds; seed++) {
    it(`keep every promise with seed ${seed}`, async () => {
      const storm = await run(seed);
      const { a, b } = storm.lives;
      check(a, b);
      check(b, a);
      expect(storm.mostOutstanding).toBeLessThanOrEqual(2 * options.windowMessages);
      for (const node of [storm.node('a'), storm.node('b')]) {
        expect(node.link.outstanding, 'L4: nothing is left open').toBe(0);
        expect(node.link.counters.malformedFramesDropped).toBe(0);
        expect(node.skipped).toEqual([]);
        for (const [name, count] of Object.entries(node.link.counters))
          seen[name] = (seen[name] ?? 0) + Number(count);
        for (const outcomes of node.outcomes.values()) {
          const story = outcomes.join(' ');
          seen[story] = (seen[story] ?? 0) + 1;
        }
      }
      for (const [name, count] of Object.entries(storm.world.network.faults))
        faults[name] = (faults[name] ?? 0) + count;
    });
  }

  it('have really met every fault and every ending', () => {
    for (const fault of ['loss', 'duplication', 'reordering', 'delay', 'cut'])
      expect(faults[fault]).toBeGreaterThan(100);
    const counters = [
      'framesRetransmitted',
      'duplicatesDiscarded',
      'staleFramesRefused',
      'framesHeld',
      'offersFull',
    ];
    for (const counter of [...counters, 'framesDropped', 'offersDown', 'epochsEnded']) {
      expect(seen[counter], counter).toBeGreaterThan(10);
    }
    const stories = [
      'received',
      'not-received',
      'lost',
      'unknown received',
      'unknown not-received',
      'unknown lost',
    ];
    for (const story of [...stories, 'unknown-outcome received', 'unknown-outcome not-received']) {
      expect(seen[story], story).toBeGreaterThan(0);
    }
  });

  it('do the same again with the same seed', async () => {
    const [one, again] = [await run(7), await run(7)];
    const told = (storm: Storm): unknown =>
      [...storm.lives.a, ...storm.lives.b].map((node) => [...node.outcomes]);
    expect(told(again)).toEqual(told(one));
    expect(again.world.time.eventCount).toBe(one.world.time.eventCount);
  });
});

import { LoomError } from '../../../src/ports/loom-error.ts';
import type { MemberDescription } from '../../../src/ports/registry.ts';
import {
  type EmbeddedRegistry,
  openEmbeddedRegistry,
} from '../../../src/registry/embedded/embedded-registry.ts';
import { ClusterNode } from '../../../src/runtime/cluster-node.ts';
import type { DeadLetter, Fact } from '../../../src/runtime/facts.ts';
import type { LinkOptions } from '../../../src/runtime/link/link-options.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import {
  type NetworkCut,
  type NetworkQuality,
  SimulatedNetwork,
} from '../../../src/runtime/simulation/simulated-network.ts';
import { type ProcessClock, VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';
import { describeNode } from '../../contract/registry-contract.ts';
import { MemoryJournalStore } from '../../registry/memory-journal.ts';
import { processRegistry } from './process-registry.ts';

export interface ClusterOptions {
  readonly seed?: number;
  readonly quality?: Partial<NetworkQuality>;
  readonly link?: Partial<LinkOptions>;
  /** How long calls to the registry and its answers take, each way. */
  readonly registryDelayMs?: number;
  /** How a node describes itself; default: in one cloud with all others. */
  readonly member?: (name: string) => MemberDescription;
  /** Starts the actors and regions of each life of a node. */
  readonly setup?: (life: NodeLife) => void;
}

/** One life of a node, from a join to its end. */
export class NodeLife {
  readonly name: string;
  readonly process: ProcessClock;
  readonly node: ClusterNode;
  readonly facts: readonly Fact[];
  /** How often the node was told that its epoch has ended. */
  readonly ended: () => number;

  constructor(
    name: string,
    process: ProcessClock,
    node: ClusterNode,
    facts: readonly Fact[],
    ended: () => number,
  ) {
    this.name = name;
    this.process = process;
    this.node = node;
    this.facts = facts;
    this.ended = ended;
  }

  get lives(): boolean {
    return !this.process.killed;
  }

  get letters(): readonly DeadLetter[] {
    return this.node.system.deadLetters.list();
  }

  /** `state code message` of each dead letter. */
  get letterLines(): readonly string[] {
    return this.letters.map(({ state, code, message }) => `${state} ${code} ${message}`);
  }

  of<T extends Fact['type']>(type: T): Extract<Fact, { type: T }>[] {
    return this.facts.filter((fact): fact is Extract<Fact, { type: T }> => fact.type === type);
  }
}

/**
 * Whole nodes of a cluster on virtual time. After every event the books of each node must balance: entries minus exits
 * of its ledger are what is in flight on it.
 */
export class Cluster {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  readonly registry: EmbeddedRegistry;
  readonly lives: NodeLife[] = [];
  /** Looked at after every event, besides the books. */
  readonly invariants: (() => void)[] = [];
  readonly #options: ClusterOptions;

  private constructor(options: ClusterOptions, time: VirtualTime, registry: EmbeddedRegistry) {
    this.#options = options;
    this.time = time;
    this.registry = registry;
    this.random = new SeededRandom(options.seed ?? 1);
    this.network = new SimulatedNetwork(time, this.random.fork('network'), options.quality);
  }

  static async open(names: readonly string[], options: ClusterOptions = {}): Promise<Cluster> {
    const time = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
    const registry = await openEmbeddedRegistry({
      clock: time.process(),
      journal: new MemoryJournalStore().open,
      report: (error) => {
        throw error;
      },
    });
    const cluster = new Cluster(options, time, registry);
    for (const name of names) await cluster.start(name);
    await cluster.advance(50);
    return cluster;
  }

  /** The present life of a node, or its last. */
  life(name: string): NodeLife {
    const life = this.lives.findLast((one) => one.name === name);
    if (life === undefined) throw new Error(`${name} was never started`);
    return life;
  }

  node(name: string): ClusterNode {
    return this.life(name).node;
  }

  get living(): readonly NodeLife[] {
    return this.lives.filter((life) => life.lives);
  }

  async start(name: string): Promise<NodeLife> {
    const process = this.time.process();
    const delayMs = this.#options.registryDelayMs ?? 0;
    const facts: Fact[] = [];
    let ended = 0;
    const joining = ClusterNode.join({
      member: (this.#options.member ?? describeNode)(name),
      clock: process,
      random: this.random.fork(name),
      transport: this.network.transport(process),
      registry: processRegistry({
        registry: this.registry,
        process,
        time: this.time,
        delayMs: () => delayMs,
      }),
      onFact: (fact) => facts.push(fact),
      ended: () => {
        ended++;
      },
      escalated: (error) => {
        throw LoomError.from(error);
      },
      ...(this.#options.link === undefined ? {} : { link: this.#options.link }),
    });
    const node = await this.until(
      joining.then((joined) => {
        const life = new NodeLife(name, process, joined, facts, () => ended);
        this.lives.push(life);
        this.#options.setup?.(life);
        return joined;
      }),
    );
    return this.lives.find((life) => life.node === node) as NodeLife;
  }

  /** kill -9: nothing of it runs again, nothing is told. */
  kill(name: string): void {
    this.life(name).process.kill();
  }

  freeze(name: string): void {
    this.life(name).process.freeze();
  }

  thaw(name: string): void {
    this.life(name).process.thaw();
  }

  cut(from: string, to: string, ways: 'one-way' | 'both-ways' = 'both-ways'): NetworkCut {
    const [one, other] = [{ node: from }, { node: to }];
    return ways === 'one-way' ? this.network.cut(one, other) : this.network.cutBoth(one, other);
  }

  heal(): void {
    this.network.mendAll();
  }

  severRegistry(name: string): void {
    this.registry.sever(name);
  }

  mendRegistry(name: string): void {
    this.registry.mend(name);
  }

  /** Lets `ms` of virtual time pass. */
  async advance(ms: number): Promise<void> {
    await this.time.run(this.time.nowMs + ms, () => {
      this.check();
      return false;
    });
    this.check();
  }

  /** Runs until `promise` is settled, in at most `ms`; answers how it ended. */
  async until<T>(promise: Promise<T>, ms = 60_000): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    await this.time.run(this.time.nowMs);
    if (!settled) await this.#run(ms, () => settled);
    if (!settled) throw new Error(`not settled within ${ms} ms`);
    return promise;
  }

  /** Runs until `condition` holds, in at most `ms`. */
  async when(condition: () => boolean, ms = 60_000): Promise<void> {
    await this.time.run(this.time.nowMs);
    if (!condition()) await this.#run(ms, condition);
    if (!condition()) throw new Error(`not so within ${ms} ms: ${condition.toString()}`);
  }

  async #run(ms: number, stop: () => boolean): Promise<void> {
    await this.time.run(this.time.nowMs + ms, () => {
      this.check();
      return stop();
    });
  }

  check(): void {
    for (const { name, node } of this.living) {
      const { open } = node.system.ledger;
      const inFlight = node.inFlight();
      if (open !== inFlight)
        throw new Error(`${name}: the ledger has ${open} open, ${inFlight} are in flight`);
    }
    for (const invariant of this.invariants) invariant();
  }
}

/** The code that a promise is rejected with, or `resolved`. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof LoomError ? error.code : String(error)),
  );
}

export function errorOf(promise: Promise<unknown>): Promise<LoomError> {
  return promise.then(
    () => {
      throw new Error('it was resolved');
    },
    (error: unknown) => LoomError.from(error),
  );
}

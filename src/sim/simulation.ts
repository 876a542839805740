import type { Fact } from '../runtime/facts.ts';
import { type Books, openBooks } from './books.ts';
import { SimulatedCluster } from './cluster.ts';
import { counterEntry, readCounter } from './counter-actor.ts';
import { startCounterLoad } from './counter-load.ts';
import { checkDatasets, type DatasetCheckParts, runningJobs } from './dataset-check.ts';
import { FaultSchedule } from './fault-schedule.ts';
import { diskFaults, processFaults, roadFaults } from './fault-table.ts';
import { startMessageLoad } from './message-load.ts';
import type { Life, NodeWork, WorkPlace } from './node.ts';
import { PipelineLoad } from './pipeline-load.ts';
import { Sink } from './sink-actor.ts';
import { type Violation, Violations } from './violations.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Virtual time. */
  readonly minutes: number;
  /** Lines of the transcript that are kept for a violation; 0 for none. */
  readonly keptLines: number;
}

export interface SeedReport {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly events: number;
  readonly virtualMs: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly hash: string;
  readonly transcript: readonly string[];
  /** How messages, asks and the rest ended, for reading. */
  readonly ends: Readonly<Record<string, number>>;
}

interface Work extends NodeWork {
  readonly place: WorkPlace;
  readonly load: PipelineLoad;
}

/** Runs one seed to its end, or to the first promise that is broken. */
export async function simulate(options: SimulationOptions): Promise<SeedReport> {
  const simulation = new Simulation(options);
  return simulation.run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #cluster: SimulatedCluster<Work>;
  readonly #violations: Violations;
  readonly #books: Books<Work>;
  readonly #schedule: FaultSchedule<Work>;
  #over = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { seed, keptLines } = options;
    this.#cluster = new SimulatedCluster<Work>({
      seed,
      keptLines,
      start: (place) => this.#start(place),
      onFact: (life, fact) => this.#heard(life, fact),
      releasing: (node, key, token) => this.#books.leases.letGo(node, key, token),
    });
    const { time, trace } = this.#cluster;
    this.#violations = new Violations(
      seed,
      () => time.nowMs,
      (line) => trace.line(line),
    );
    this.#books = openBooks<Work>(this.#violations, this.#cluster.random.fork('data'), {
      nowMs: () => time.nowMs,
      thawedMs: (node) => this.#cluster.node(node)?.thawedMs ?? 0,
      lives: (node) => this.#cluster.node(node)?.lives ?? [],
      epochEnded: (node, epoch) =>
        this.#cluster.service.registry
          ?.listAll()
          .members.some((member) => member.node === node && member.epoch === epoch) !== true,
    });
    this.#schedule = new FaultSchedule(
      {
        cluster: this.#cluster,
        damaged: this.#books.datasets.damaged,
        changeSource: () => this.#changeSource(),
      },
      [...roadFaults<Work>(), ...processFaults<Work>(), ...diskFaults<Work>()],
    );
  }

  async run(): Promise<SeedReport> {
    const { time, nodes, trace } = this.#cluster;
    const floating = (reason: unknown): void => {
      this.#violations.broken(
        'no-floating-rejection',
        String(reason instanceof Error ? reason.stack : reason),
      );
    };
    process.on('unhandledRejection', floating);
    try {
      for (const node of nodes) node.boot();
      this.#look();
      this.#play().catch((error: unknown) => {
        this.#violations.broken('nothing-stuck', `the simulation itself failed: ${String(error)}`);
      });
      await time.run(Number.POSITIVE_INFINITY, () => {
        trace.number(time.nowMs);
        return this.#over || this.#violations.first !== undefined;
      });
    } catch (thrown) {
      floating(thrown);
    } finally {
      process.off('unhandledRejection', floating);
    }
    return this.#report();
  }

  /** Rounds of faults, each with a quiet point after it, until the time is up. */
  async #play(): Promise<void> {
    const { time } = this.#cluster;
    const endMs = this.#options.minutes * 60_000;
    while (time.nowMs < endMs) {
      const leftMs = endMs - time.nowMs;
      const stormMs = leftMs < 2 * roundMs ? leftMs * 0.6 : roundMs;
      this.#schedule.begin();
      await this.#sleep(stormMs);
      this.#schedule.end();
      await this.#quietPoint();
    }
    this.#over = true;
  }

  async #quietPoint(): Promise<void> {
    const { time, trace } = this.#cluster;
    const sinceMs = time.nowMs;
    trace.line('everything is healed');
    this.#paused = true;
    for (;;) {
      await this.#sleep(time.nowMs - sinceMs < lingerMs ? lingerMs : 500);
      const waiting = this.#unsettled() ?? (await this.#unreached()) ?? (await this.#unfinished());
      if (waiting === undefined) break;
      if (time.nowMs - sinceMs > settleMs) {
        this.#violations.broken('nothing-stuck', `${settleMs / 1000} s after all was healed, ${waiting}`);
        return;
      }
    }
    trace.line(`quiet after ${Math.round(time.nowMs - sinceMs)} ms`);
    this.#books.messages.settle();
    this.#books.watches.settle();
    await this.#checkEffects();
    const parts = this.#datasetParts();
    if (parts !== undefined)
      await checkDatasets(parts, time.nowMs >= this.#options.minutes * 60_000 - roundMs);
    this.#paused = false;
  }

  #paused = false;

  /** What keeps the cluster from being quiet; undefined when it is. */
  #unsettled(): string | undefined {
    const { nodes, service } = this.#cluster;
    if (service.registry === undefined) return 'the registry is down';
    if (this.#books.datasets.askingCount > 0) return 'a client waits for its ingest';
    for (const node of nodes) {
      const { life } = node;
      if (life?.work === undefined) return `${node.name} is not up`;
      const { view, mayAct } = life.cluster.membership;
      if (!mayAct) return `${node.name} doubts its leases`;
      for (const other of nodes) {
        const seen = view.members.find((member) => member.node === other.name);
        if (seen?.epoch !== other.life?.epoch || seen?.state !== 'ready')
          return `${node.name} sees ${other.name} as epoch ${seen?.epoch} (${seen?.state}), not ${other.life?.epoch}`;
      }
      const { ledger } = life.cluster.system;
      if (ledger.open !== 0 || ledger.unknown !== 0)
        return `${node.name} has ${ledger.open} messages open, ${ledger.unknown} unknown`;
    }
    return undefined;
  }

  /** A road that is not open again; undefined when every node answers every other. */
  async #unreached(): Promise<string | undefined> {
    const { nodes } = this.#cluster;
    const asked = nodes.flatMap(({ life, work }) =>
      nodes.map(async ({ name }) => {
        if (life === undefined || work === undefined) return 'a node is not up';
        const echo = life.cluster
          .ref(Sink, name, 'sink')
          .attempt.echo({ afterMs: 0, word: '' }, { deadlineMs: 2000 });
        const answer = await echo;
        return answer.ok ? undefined : `${life.node} does not reach ${name}: ${answer.error.message}`;
      }),
    );
    return (await Promise.all(asked)).find((failure) => failure !== undefined);
  }

  /** Jobs that go on; undefined when there is none. */
  async #unfinished(): Promise<string | undefined> {
    const parts = this.#datasetParts();
    if (parts === undefined) return 'no node is up';
    const running = await runningJobs(parts).catch((error: unknown) => [String(error)]);
    return running.length === 0 ? undefined : `these go on: ${running.join(', ')}`;
  }

  #datasetParts(): DatasetCheckParts | undefined {
    const work = this.#cluster.nodes.find((node) => node.work !== undefined)?.work;
    if (work === undefined) return undefined;
    const { checksum } = this.#cluster;
    return { ...work, book: this.#books.datasets, checksum, violations: this.#violations };
  }

  async #checkEffects(): Promise<void> {
    const life = this.#cluster.nodes[0]?.life;
    if (life === undefined) return;
    for (const key of this.#books.effects.keys) {
      const entry = await life.cluster.membership.handle.get(counterEntry(key));
      this.#books.effects.check(key, readCounter(entry?.value));
    }
  }

  /** Cheap looks, every virtual second. */
  #look(): void {
    const { time, nodes } = this.#cluster;
    this.#books.leases.check();
    this.#books.asks.check();
    for (const { life } of nodes) {
      if (life === undefined) continue;
      const { ledger } = life.cluster.system;
      const inFlight = life.cluster.inFlight();
      if (ledger.open !== inFlight)
        this.#violations.broken(
          'conservation',
          `${life.node}: ${ledger.open} messages are open by its ledger, ${inFlight} in flight: ${JSON.stringify(ledger.snapshot())}`,
        );
    }
    time.at(time.nowMs + 1000, () => this.#look());
  }

  /** A client of its own writes to the source of an ingest. */
  #changeSource(): boolean {
    const { random, nodes } = this.#cluster;
    const open = [...this.#books.datasets.wanted.values()].filter(
      ({ proven, changed, job, bytes }) => !proven && !changed && job !== undefined && bytes.length > 0,
    );
    if (open.length === 0) return false;
    const wanted = random.pick(open);
    const work = nodes.find(({ name }) => name === wanted.node)?.work;
    if (work === undefined) return false;
    wanted.changed = true;
    work.load.changeSource(wanted);
    return true;
  }

  async #start(place: WorkPlace): Promise<Work> {
    const { nodes } = this.#cluster;
    const names = nodes.map((node) => node.name);
    startMessageLoad({
      place,
      books: this.#books,
      nodes: names,
      everyMs: messageMs * nodes.length,
      paused: () => this.#paused,
    });
    startCounterLoad(place, this.#books, counterMs * nodes.length, () => this.#paused);
    const load = await PipelineLoad.start({
      place,
      book: this.#books.datasets,
      checksum: this.#cluster.checksum,
      everyMs: datasetMs * nodes.length,
      paused: () => this.#paused,
    });
    return { place, load, close: () => load.pipeline.close() };
  }

  #heard(life: Life<Work>, fact: Fact): void {
    this.#books.leases.heard(life, fact);
    if (fact.type === 'dead-letter') this.#books.messages.deadLetter(life, fact.letter);
    else if (fact.type === 'internal-error')
      this.#violations.broken(
        'nothing-stuck',
        `${life.node} has an internal error in ${fact.where}: ${String(fact.error)}`,
      );
  }

  #sleep(ms: number): Promise<void> {
    const { time } = this.#cluster;
    return new Promise((resolve) => void time.at(time.nowMs + ms, resolve));
  }

  #report(): SeedReport {
    const { cluster } = { cluster: this.#cluster };
    const faults: Record<string, number> = {
      ...this.#schedule.counts,
      ...cluster.network.faults,
      ...cluster.bulk.faults,
    };
    for (const disk of [...cluster.nodes.map((node) => node.disk), cluster.registryDisk]) {
      for (const [kind, count] of Object.entries(disk.faults.counts))
        faults[kind] = (faults[kind] ?? 0) + count;
    }
    return {
      seed: this.#options.seed,
      violation: this.#violations.first,
      events: cluster.time.eventCount,
      virtualMs: cluster.time.nowMs,
      faults,
      hash: cluster.trace.hash,
      transcript: cluster.trace.transcript,
      ends: {
        ...this.#books.messages.ends,
        ...this.#books.asks.ends,
        ...this.#books.datasets.ends,
        'watches told': this.#books.watches.told,
        'effects acknowledged': this.#books.effects.acknowledgedCount,
      },
    };
  }
}

/** Between two steps of the load in the whole cluster, on average. */
const messageMs = 250;
const counterMs = 1000;
const datasetMs = 8000;
/** A call that was lost in a cut, and the lease that it was to renew, are over only so long after it. */
const lingerMs = 6000;
const roundMs = 100_000;
const settleMs = 90_000;

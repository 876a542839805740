import type { Fact } from '../runtime/facts.ts';
import { openBooks } from './books.ts';
import { checkAll, checkSome, RegistryNumbers } from './checks.ts';
import { SimulatedCluster } from './cluster.ts';
import { FaultSchedule } from './fault-schedule.ts';
import { diskFaults } from './faults/disk-faults.ts';
import { processFaults } from './faults/process-faults.ts';
import { roadFaults } from './faults/road-faults.ts';
import type { Life } from './life.ts';
import { awaited } from './settling.ts';
import { type Violation, Violations } from './violations.ts';
import { type Scene, type SimulatedWork, startWork } from './work.ts';

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
  /** How messages, asks, ingests and the rest ended. */
  readonly ends: Readonly<Record<string, number>>;
}

/** Runs one seed to its end, or to the first promise that is broken. */
export function simulate(options: SimulationOptions): Promise<SeedReport> {
  return new Simulation(options).run();
}

class Simulation {
  readonly #endMs: number;
  readonly #scene: Scene;
  readonly #violations: Violations;
  readonly #numbers: RegistryNumbers;
  readonly #schedule: FaultSchedule<SimulatedWork>;
  #paused = false;
  #over = false;

  constructor({ seed, minutes, keptLines }: SimulationOptions) {
    this.#endMs = minutes * 60_000;
    const cluster = new SimulatedCluster<SimulatedWork>({
      seed,
      keptLines,
      start: (place) => startWork(this.#scene, place, () => this.#paused),
      onFact: (life, fact) => this.#heard(life, fact),
      applied: (operations) => this.#scene.books.chunks.applied(operations),
      releasing: (node, key, token) => this.#scene.books.leases.letGo(node, key, token),
    });
    const { time, trace } = cluster;
    const violations = new Violations(
      seed,
      () => time.nowMs,
      (line) => trace.line(line),
    );
    const books = openBooks<SimulatedWork>(violations, cluster.random.fork('data'), {
      nowMs: () => time.nowMs,
      thawedMs: (node) => cluster.node(node)?.thawedMs ?? 0,
      lives: (node) => cluster.node(node)?.lives ?? [],
      epochEnded: (node, epoch) => !cluster.service.holds(node, epoch),
    });
    this.#violations = violations;
    this.#numbers = new RegistryNumbers(violations);
    this.#scene = { cluster, books };
    const { datasets } = books;
    const changeNextSource = (): void => {
      datasets.changeNextSource = true;
    };
    this.#schedule = new FaultSchedule({ cluster, damaged: datasets.damaged, changeNextSource }, [
      ...roadFaults<SimulatedWork>(),
      ...processFaults<SimulatedWork>(),
      ...diskFaults<SimulatedWork>(),
    ]);
  }

  async run(): Promise<SeedReport> {
    const { time, nodes, trace } = this.#scene.cluster;
    const floating = (reason: unknown): void => {
      const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
      this.#violations.broken('no-floating-rejection', text);
    };
    process.on('unhandledRejection', floating);
    try {
      for (const node of nodes) node.boot();
      this.#look();
      this.#play().catch(floating);
      await time.run(Number.POSITIVE_INFINITY, () => {
        trace.number(time.nowMs);
        return this.#over || this.#violations.first !== undefined;
      });
    } catch (thrown) {
      // An event threw: on a real node nobody would have caught it either.
      floating(thrown);
    } finally {
      process.off('unhandledRejection', floating);
    }
    return this.#report();
  }

  /** Rounds of faults, each with a quiet point after it, until the time is up. */
  async #play(): Promise<void> {
    const { time } = this.#scene.cluster;
    while (time.nowMs < this.#endMs) {
      const leftMs = this.#endMs - time.nowMs;
      const last = leftMs < 1.5 * roundMs;
      this.#schedule.begin();
      await this.#sleep(last ? Math.max(leftMs - lingerMs, lingerMs) : roundMs);
      this.#schedule.end();
      await this.#quietPoint(last);
    }
    this.#over = true;
  }

  async #quietPoint(last: boolean): Promise<void> {
    const { time, trace } = this.#scene.cluster;
    const sinceMs = time.nowMs;
    trace.line('everything is healed');
    this.#paused = true;
    await this.#sleep(lingerMs);
    for (;;) {
      const waiting = await awaited(this.#scene, this.#violations);
      if (waiting === undefined) break;
      if (time.nowMs - sinceMs > settleMs) {
        this.#violations.broken('nothing-stuck', `${settleMs / 1000} s after all was healed, ${waiting}`);
        return;
      }
      await this.#sleep(500);
    }
    trace.line(`quiet after ${Math.round(time.nowMs - sinceMs)} ms`);
    await checkAll(this.#scene, this.#violations, last);
    this.#paused = false;
  }

  #look(): void {
    const { time, service } = this.#scene.cluster;
    checkSome(this.#scene, this.#violations);
    if (service.registry !== undefined) this.#numbers.check(service.registry.listAll().counters);
    if (time.nowMs > this.#endMs + overdueMs)
      this.#violations.broken('nothing-stuck', 'a quiet point does not come to its end');
    time.at(time.nowMs + lookMs, () => this.#look());
  }

  #heard(life: Life<SimulatedWork>, fact: Fact): void {
    const { books } = this.#scene;
    books.leases.heard(life, fact);
    if (fact.type === 'dead-letter') books.messages.deadLetter(life, fact.letter);
    else if (fact.type === 'internal-error')
      this.#violations.broken(
        'nothing-stuck',
        `${life.node} has an internal error in ${fact.where}: ${String(fact.error)}`,
      );
  }

  #sleep(ms: number): Promise<void> {
    const { time } = this.#scene.cluster;
    return new Promise((resolve) => void time.at(time.nowMs + ms, resolve));
  }

  #report(): SeedReport {
    const { cluster, books } = this.#scene;
    const { seed, time, trace, network, bulk, nodes, registryDisk } = cluster;
    const faults: Record<string, number> = { ...this.#schedule.counts, ...network.faults, ...bulk.faults };
    for (const disk of [...nodes.map((node) => node.disk), registryDisk]) {
      for (const [kind, count] of Object.entries(disk.faults.counts))
        faults[kind] = (faults[kind] ?? 0) + count;
    }
    return {
      ...{ seed, faults, violation: this.#violations.first, hash: trace.hash, transcript: trace.transcript },
      ...{ events: time.eventCount, virtualMs: time.nowMs },
      ends: {
        ...books.messages.ends,
        ...books.asks.ends,
        ...books.datasets.ends,
        'watches told': books.watches.told,
        'chunks done': books.chunks.doneCount,
        'effects acknowledged': books.effects.acknowledgedCount,
      },
    };
  }
}

const roundMs = 100_000;
/** How long a cluster may take to be quiet after everything was healed. */
const settleMs = 90_000;
/** A call that was lost in a cut, and the lease that it was to renew, are over only so long after it. */
const lingerMs = 6000;
const overdueMs = 300_000;
const lookMs = 1000;

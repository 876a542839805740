import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { ActorSystem, type ActorSystemOptions } from '../../../src/runtime/actor-system.ts';
import type { Fact } from '../../../src/runtime/facts.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';
import type { Puppet } from './puppet.ts';

export const drainMicrotasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One node on virtual time. After each event the books must balance: entries minus exits are in flight. */
export class World {
  readonly time = new VirtualTime(drainMicrotasks);
  readonly clock = this.time.process();
  readonly facts: Fact[] = [];
  readonly system: ActorSystem;

  constructor(options: Partial<ActorSystemOptions> = {}) {
    this.system = new ActorSystem({
      node: 'n1',
      epoch: 7,
      clock: this.clock,
      random: new SeededRandom(1),
      ...options,
    });
    this.system.facts.listen((fact) => this.facts.push(fact));
  }

  /** Lets `ms` of virtual time pass; 0 runs what can run now. */
  async run(ms = 0): Promise<void> {
    await this.time.run(this.time.nowMs + ms, () => {
      this.balance();
      return false;
    });
    this.balance();
  }

  /** Runs until `promise` is settled, in at most `ms`. */
  async until<T>(promise: Promise<T>, ms = 60_000): Promise<T> {
    let settled = false;
    const over = promise.then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
    await this.run();
    if (!settled) await this.time.run(this.time.nowMs + ms, () => settled);
    if (!settled) throw new Error(`not settled within ${ms} ms`);
    await over;
    return promise;
  }

  balance(): void {
    const { open } = this.system.ledger;
    const inFlight = this.system.inFlight();
    if (open !== inFlight) throw new Error(`the ledger says ${open} open, ${inFlight} are in flight`);
  }

  /** Facts of one type, in order. */
  of<T extends Fact['type']>(type: T): Extract<Fact, { type: T }>[] {
    return this.facts.filter((fact): fact is Extract<Fact, { type: T }> => fact.type === type);
  }

  /** `state code message` of each dead letter. */
  letters(): string[] {
    return this.system.deadLetters.list().map(({ state, code, message }) => `${state} ${code} ${message}`);
  }
}

export type PuppetRef = ActorRef<typeof Puppet>;

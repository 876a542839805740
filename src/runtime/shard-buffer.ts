import type { Engine } from './cell.ts';
import type { Envelope, EnvelopeHost, TimedEnvelope } from './envelope.ts';

export interface Held {
  readonly key: string;
  readonly envelope: Envelope;
}

/** Messages of one shard that wait for its lease or for an actor that is falling asleep, in order, up to a limit. */
export class ShardBuffer implements EnvelopeHost {
  readonly #engine: Engine;
  readonly #capacity: number;
  readonly #address: string;
  #held: Held[] = [];

  constructor(engine: Engine, capacity: number, address: string) {
    this.#engine = engine;
    this.#capacity = capacity;
    this.#address = address;
  }

  /** Messages that still wait. */
  get count(): number {
    let count = 0;
    for (const { envelope } of this.#held) if (envelope.state === 'waiting') count++;
    return count;
  }

  /** False when there is no room. */
  hold(key: string, envelope: Envelope): boolean {
    if (this.#held.length >= this.#capacity) {
      this.#held = this.#held.filter((held) => held.envelope.state === 'waiting');
      if (this.#held.length >= this.#capacity) return false;
    }
    envelope.state = 'waiting';
    envelope.host = this;
    this.#held.push({ key, envelope });
    return true;
  }

  /** Takes out everything that still waits; it is as new then. */
  takeAll(): readonly Held[] {
    const waiting = this.#held.filter(({ envelope }) => envelope.state === 'waiting');
    this.#held = [];
    for (const { envelope } of waiting) envelope.state = 'new';
    return waiting;
  }

  monotonicMs(): number {
    return this.#engine.clock.monotonicMs();
  }

  givenUp(envelope: TimedEnvelope, code: 'DEADLINE_EXCEEDED' | 'CANCELLED'): void {
    if (envelope.state === 'waiting') this.#engine.close(envelope, 'expired', code, this.#address);
  }
}

import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import type { Violations } from './violations.ts';

/** What the counters were asked to keep: each id once, none lost that was acknowledged, none that nobody sent. */
export class EffectBook {
  readonly #violations: Violations;
  readonly #sent = new Map<string, Set<string>>();
  readonly #acknowledged = new Map<string, Set<string>>();
  #next = 0;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  get keys(): readonly string[] {
    return [...this.#sent.keys()];
  }

  get acknowledgedCount(): number {
    let count = 0;
    for (const ids of this.#acknowledged.values()) count += ids.size;
    return count;
  }

  /** A new id for one of `keys`. */
  draw(random: SeededRandom): { readonly key: string; readonly id: string } {
    const key = `c${random.below(counters)}`;
    const id = (this.#next++).toString(36);
    idsOf(this.#sent, key).add(id);
    return { key, id };
  }

  acknowledged(key: string, id: string): void {
    idsOf(this.#acknowledged, key).add(id);
  }

  /** `kept` is what stands in the registry now. */
  check(key: string, kept: readonly string[]): void {
    const unique = new Set(kept);
    if (unique.size !== kept.length) this.#broken('effect-once', key, 'keeps an id twice');
    for (const id of unique) {
      if (!idsOf(this.#sent, key).has(id)) this.#broken('effect-once', key, `keeps ${id}, which nobody sent`);
    }
    for (const id of idsOf(this.#acknowledged, key)) {
      if (!unique.has(id)) this.#broken('nothing-lost', key, `has lost ${id}, which it acknowledged`);
    }
  }

  #broken(promise: 'effect-once' | 'nothing-lost', key: string, what: string): void {
    this.#violations.broken(promise, `counter ${key} ${what}`);
  }
}

const counters = 5;

function idsOf(map: Map<string, Set<string>>, key: string): Set<string> {
  let ids = map.get(key);
  if (ids === undefined) {
    ids = new Set();
    map.set(key, ids);
  }
  return ids;
}

import type { Fact } from '../runtime/facts.ts';
import type { Life, NodeWork } from './life.ts';
import type { Violations } from './violations.ts';

interface Holder<Work> {
  readonly life: Life<Work>;
  readonly token: number;
}

/**
 * Who holds which lease, as the nodes tell it.
 *
 * L1. Tokens of one key only grow.
 * L2. Never do two epochs of the cluster hold one key and may act on it: also a frozen one counts, by what it would
 *     find when it looks at its clock.
 */
export class LeaseBook<Work extends NodeWork> {
  readonly #violations: Violations;
  readonly #tokens = new Map<string, number>();
  readonly #holders = new Map<string, Holder<Work>[]>();
  /** Keys with more than one holder that is not known to have let go. */
  readonly #contested = new Set<string>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  heard(life: Life<Work>, fact: Fact): void {
    switch (fact.type) {
      case 'lease-acquired':
        this.#acquired(life, fact.key, fact.token);
        return;
      case 'lease-lost':
      case 'lease-released':
        this.letGo(life.node, fact.key, fact.token);
        return;
      default:
        return;
    }
  }

  /** L2, cheap: looks only at keys that more than one epoch has claimed. */
  check(): void {
    for (const key of this.#contested) {
      const holders = (this.#holders.get(key) ?? []).filter(({ life }) => life.endedMs === undefined);
      const acting = holders.filter(({ life }) => life.cluster.membership.mayAct);
      if (acting.length > 1) {
        const who = acting.map(
          ({ life, token }) => `${life.node} (epoch ${life.cluster.epoch}, token ${token})`,
        );
        this.#violations.broken('one-writer', `${key} is held by ${who.join(' and ')}`);
      }
      if (holders.length < 2) this.#contested.delete(key);
      if (holders.length > 0) this.#holders.set(key, holders);
      else this.#holders.delete(key);
    }
  }

  #acquired(life: Life<Work>, key: string, token: number): void {
    const last = this.#tokens.get(key) ?? 0;
    const again = this.#holders.get(key)?.some((one) => one.life === life && one.token === token) === true;
    if (token < last || (token === last && !again))
      this.#violations.broken('never-back', `${life.node} was given token ${token} of ${key} after ${last}`);
    this.#tokens.set(key, Math.max(token, last));
    const others = (this.#holders.get(key) ?? []).filter((one) => one.life !== life);
    this.#holders.set(key, [...others, { life, token }]);
    if (others.length > 0) this.#contested.add(key);
    this.check();
  }

  letGo(node: string, key: string, token: number): void {
    const holders = this.#holders.get(key) ?? [];
    const left = holders.filter((one) => one.life.node !== node || one.token !== token);
    if (left.length > 0) this.#holders.set(key, left);
    else this.#holders.delete(key);
  }
}

import { expect } from 'vitest';
import type { LeaseAnswer, Registry, RegistryHandle } from '../../src/ports/registry.ts';
import { describeNode } from '../contract/registry-contract.ts';

/** What the clients of a registry were told, which no crash may take back. */
export class Told {
  readonly epochs: number[] = [];
  readonly tokens: Map<string, number[]> = new Map();
  readonly #acknowledged: Map<string, string> = new Map();
  /** Values whose writes were not acknowledged since the last one that was: any of them may be there. */
  readonly #unknown: Map<string, string[]> = new Map();

  /** Joins, takes leases and writes values; a call that fails ends nothing but itself. */
  async work(registry: Registry, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const a = await this.#join(registry, 'a');
      const b = await this.#join(registry, 'b');
      await Promise.all([this.#acquire(a, 'k1'), this.#acquire(b, 'k2'), this.#acquire(b, 'k1')]);
      await Promise.all([
        this.#write(a, 'x', `x${this.epochs.length}`),
        this.#write(b, 'y', `y${this.epochs.length}`),
      ]);
      const last = this.tokens.get('k1')?.at(-1);
      if (a !== undefined && last !== undefined) await attempt(a.release('k1', last));
      await this.#acquire(b, 'k1');
      await this.#write(a, 'x', `x${this.epochs.length}, again`);
    }
  }

  /** Judges a registry that was opened anew. */
  async check(registry: Registry): Promise<void> {
    const handle = await registry.join(describeNode('judge'));
    this.epochs.push(handle.epoch);
    for (const key of ['x', 'y']) {
      const pair = await handle.get(key);
      const text = pair && new TextDecoder().decode(pair.value);
      expect([this.#acknowledged.get(key), ...(this.#unknown.get(key) ?? [])]).toContain(text);
    }
    for (const key of ['k1', 'k2']) {
      const answer = await handle.acquire(key);
      expect(answer.kind).toBe('granted');
      this.#note(key, answer);
      await handle.release(key, answer.token);
    }
    await handle.leave();
    for (const numbers of [this.epochs, ...this.tokens.values()]) {
      numbers.reduce((before, number) => {
        expect(number).toBeGreaterThan(before);
        return number;
      }, 0);
    }
  }

  async #join(registry: Registry, node: string): Promise<RegistryHandle | undefined> {
    const handle = await attempt(registry.join(describeNode(node)));
    if (handle !== undefined) this.epochs.push(handle.epoch);
    return handle;
  }

  async #acquire(handle: RegistryHandle | undefined, key: string): Promise<void> {
    this.#note(key, handle && (await attempt(handle.acquire(key))));
  }

  #note(key: string, answer: LeaseAnswer | undefined): void {
    const tokens = this.tokens.get(key) ?? [];
    if (answer?.kind === 'granted' && tokens.at(-1) !== answer.token)
      this.tokens.set(key, [...tokens, answer.token]);
  }

  async #write(handle: RegistryHandle | undefined, key: string, text: string): Promise<void> {
    const value = new TextEncoder().encode(text);
    const answer = handle && (await attempt(handle.transact([{ op: 'set', key, value }])));
    if (answer?.kind === 'applied') {
      this.#acknowledged.set(key, text);
      this.#unknown.set(key, []);
    } else {
      this.#unknown.set(key, [...(this.#unknown.get(key) ?? []), text]);
    }
  }
}

/** A registry that is made to fail answers with errors; to its client they say no more than that it does not know. */
async function attempt<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch {
    return undefined;
  }
}

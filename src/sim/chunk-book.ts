import type { ChunkRecord } from '../actors/pipeline/messages.ts';
import { chunksPerPage } from '../actors/pipeline/messages.ts';
import type { KeyValueOperation } from '../ports/registry.ts';
import { decodeValue } from '../runtime/wire/value-decode.ts';
import type { Violations } from './violations.ts';

/** The chunk records of all jobs as the registry has applied them: a chunk is done once, and stays what it was then. */
export class ChunkBook {
  readonly #violations: Violations;
  readonly #done = new Map<string, string>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** Chunks that were done. */
  get doneCount(): number {
    return this.#done.size;
  }

  /** A transaction that the registry has applied. */
  applied(operations: readonly KeyValueOperation[]): void {
    for (const one of operations) {
      if (one.op === 'set' && one.key.startsWith(prefix)) this.#page(one.key.slice(prefix.length), one.value);
    }
  }

  #page(key: string, value: Uint8Array): void {
    const [job, page] = key.split('/');
    const records = decodeValue(value) as readonly ChunkRecord[];
    for (const [i, { state, stored }] of records.entries()) {
      const chunk = `${job}/${Number(page) * chunksPerPage + i}`;
      const before = this.#done.get(chunk);
      if (state !== 'done' && before === undefined) continue;
      const now = `${state} ${stored?.blake3} by ${stored?.worker} on ${stored?.replicas.map(({ node }) => node).join(' ')}`;
      if (before !== undefined && before !== now)
        this.#violations.broken('effect-once', `chunk ${chunk} was ${before} and is ${now}`);
      this.#done.set(chunk, now);
    }
  }
}

const prefix = 'chunks/';

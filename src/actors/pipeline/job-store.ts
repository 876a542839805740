import { LoomError } from '../../ports/loom-error.ts';
import type { KeyValueOperation, LeaseProof, RegistryHandle } from '../../ports/registry.ts';
import { type Schema, validated } from '../../runtime/schema.ts';
import { encodeToBytes } from '../../runtime/wire/value.ts';
import { decodeValue } from '../../runtime/wire/value-decode.ts';
import {
  type ChunkRecord,
  chunkPage,
  chunksPerPage,
  type JobHead,
  jobHead,
  type NameEntry,
  nameEntry,
} from './messages.ts';

/**
 * The truth about jobs, in the registry's key-value store.
 *
 *   jobs/<id>            the head: what the job is and how it ended
 *   running/<id>         stands while the job runs: what workers watch
 *   chunks/<id>/<page>   what is durable of 16 chunks; a page that is not there means that all of them wait
 *   names/<name>         who has the name, and the manifest once there is one
 *
 * J1. A job begins in one transaction: its name is free, and head, marker and name appear together.
 * J2. Afterwards only the coordinator writes, each time with its lease and the revision that it read: a second writer
 *     changes nothing (LEASE_LOST, or a conflict that is a mistake).
 * J3. A job ends in one transaction: head, marker and name change together.
 */
export class JobStore {
  readonly #registry: RegistryHandle;
  readonly #lease: LeaseProof;
  readonly #job: string;
  #headRevision = 0;
  readonly #pageRevisions = new Map<number, number>();

  constructor(registry: RegistryHandle, lease: LeaseProof, job: string) {
    this.#registry = registry;
    this.#lease = lease;
    this.#job = job;
  }

  /** The head and all chunk records; undefined when there is no such job. */
  async load(): Promise<{ head: JobHead; records: ChunkRecord[] } | undefined> {
    const stored = await this.#registry.get(`jobs/${this.#job}`);
    if (stored === undefined) return undefined;
    const head = decoded(jobHead, stored.value, stored.key);
    this.#headRevision = stored.revision;
    const records: ChunkRecord[] = Array.from({ length: head.chunkCount }, untouched);
    for (const { key, value, revision } of await this.#registry.list(`chunks/${this.#job}/`)) {
      const page = Number(key.slice(key.lastIndexOf('/') + 1));
      this.#pageRevisions.set(page, revision);
      for (const [i, record] of decoded(chunkPage, value, key).entries())
        records[page * chunksPerPage + i] = record;
    }
    return { head, records };
  }

  /** Makes the page that holds chunk `index` durable. */
  async savePage(index: number, records: readonly ChunkRecord[]): Promise<void> {
    const page = Math.floor(index / chunksPerPage);
    const value = encoded(records.slice(page * chunksPerPage, (page + 1) * chunksPerPage));
    const ifRevision = this.#pageRevisions.get(page) ?? 0;
    const revision = await this.#transact([{ op: 'set', key: pageKey(this.#job, page), value, ifRevision }]);
    this.#pageRevisions.set(page, revision);
  }

  async saveHead(head: JobHead): Promise<void> {
    const operation = {
      op: 'set',
      key: `jobs/${this.#job}`,
      value: encoded(head),
      ifRevision: this.#headRevision,
    } as const;
    this.#headRevision = await this.#transact([operation]);
  }

  /** J3: the name gets its manifest, or is free again when there is none. */
  async end(head: JobHead, entry: NameEntry | undefined): Promise<void> {
    const name = `names/${head.name}`;
    const present = await this.#registry.get(name);
    const owned = present !== undefined && decoded(nameEntry, present.value, name).job === head.id;
    const operations: KeyValueOperation[] = [
      { op: 'set', key: `jobs/${head.id}`, value: encoded(head), ifRevision: this.#headRevision },
      { op: 'delete', key: `running/${head.id}` },
    ];
    if (owned && entry !== undefined) {
      operations.push({ op: 'set', key: name, value: encoded(entry), ifRevision: present.revision });
    } else if (owned) {
      operations.push({ op: 'delete', key: name, ifRevision: present.revision });
    }
    this.#headRevision = await this.#transact(operations);
  }

  async #transact(operations: readonly KeyValueOperation[]): Promise<number> {
    const answer = await this.#registry.transact(operations, this.#lease);
    switch (answer.kind) {
      case 'applied':
        return answer.revision;
      case 'lease-lost':
        throw new LoomError(
          'LEASE_LOST',
          `job ${this.#job}: token ${this.#lease.token} is no longer the owner's`,
        );
      case 'conflict':
        throw new LoomError('FENCED', `job ${this.#job}: operation ${answer.operation} met another writer`);
    }
  }
}

/** J1. Answers false when the name is taken. */
export async function createJob(registry: RegistryHandle, head: JobHead, entry: NameEntry): Promise<boolean> {
  const answer = await registry.transact([
    { op: 'set', key: `names/${head.name}`, value: encoded(entry), ifRevision: 0 },
    { op: 'set', key: `jobs/${head.id}`, value: encoded(head), ifRevision: 0 },
    { op: 'set', key: `running/${head.id}`, value: new Uint8Array(0), ifRevision: 0 },
  ]);
  return answer.kind === 'applied';
}

export async function findName(registry: RegistryHandle, name: string): Promise<NameEntry | undefined> {
  const stored = await registry.get(`names/${name}`);
  return stored === undefined ? undefined : decoded(nameEntry, stored.value, stored.key);
}

/** All names with their entries, sorted by name. */
export async function listNames(
  registry: RegistryHandle,
): Promise<readonly { name: string; entry: NameEntry }[]> {
  const prefix = 'names/';
  const pairs = await registry.list(prefix);
  return pairs.map(({ key, value }) => ({
    name: key.slice(prefix.length),
    entry: decoded(nameEntry, value, key),
  }));
}

/** Hears of the ids of running jobs: now, and after each change. */
export function watchRunning(
  registry: RegistryHandle,
  listener: (jobs: readonly string[]) => void,
): { close(): void } {
  const prefix = 'running/';
  return registry.watch(prefix, (pairs) => listener(pairs.map(({ key }) => key.slice(prefix.length))));
}

function pageKey(job: string, page: number): string {
  return `chunks/${job}/${String(page).padStart(6, '0')}`;
}

function untouched(): ChunkRecord {
  return { state: 'waiting', failures: 0, losses: 0, tried: [] };
}

function encoded(value: unknown): Uint8Array {
  return encodeToBytes(value, { maxBytes: 500_000 });
}

function decoded<T>(schema: Schema<T>, bytes: Uint8Array, where: string): T {
  return validated(schema, decodeValue(bytes), where);
}

import type { KeyValue, LeaseRecord, Member, MembersView } from '../../ports/registry.ts';
import type { Change, Counters, DurableChange } from './change.ts';
import { indexOf, numberOf } from './number.ts';

/**
 * Everything the registry knows, as a value that moves by changes alone: no clock, no disk, no listener.
 *
 * S1. `evolve` accepts every change that the decisions made on an equal state; it never refuses and never throws.
 * S2. `counters.index` and `counters.revision` only grow, whatever order of changes is replayed.
 * S3. The token of a lease stays after its holder has gone: an entry is never removed.
 * S4. `snapshot` of a state, evolved into an empty one, gives the same durable part.
 */
export class RegistryState {
  #counters: Counters = { generation: 0, starts: 0, index: 0, revision: 0 };
  #memberChanges = 0;
  #membersView: MembersView | undefined;
  #liveBytes = 0;
  readonly #members: Map<string, Member>;
  readonly #leases: Map<string, LeaseEntry>;
  readonly #values: Map<string, KeyValue>;

  /** An empty state, or a copy of one that from then on goes its own way. */
  constructor(from?: RegistryState) {
    this.#members = new Map(from === undefined ? [] : from.#members);
    this.#leases = new Map(from === undefined ? [] : from.#leases);
    this.#values = new Map(from === undefined ? [] : from.#values);
    if (from === undefined) return;
    this.#counters = from.#counters;
    this.#memberChanges = from.#memberChanges;
    this.#liveBytes = from.#liveBytes;
  }

  get counters(): Counters {
    return this.#counters;
  }

  /** About what a snapshot would take in the journal. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** The number that the next epoch or token gets. */
  nextNumber(): number {
    return numberOf(this.#counters.generation, this.#counters.index + 1);
  }

  /** Takes the larger of each counter, so that numbers given out by a state that was thrown away are not given again. */
  skipTo(counters: Counters): void {
    const own = this.#counters;
    this.#counters = {
      generation: Math.max(own.generation, counters.generation),
      starts: Math.max(own.starts, counters.starts),
      index: Math.max(own.index, counters.index),
      revision: Math.max(own.revision, counters.revision),
    };
  }

  member(node: string): Member | undefined {
    return this.#members.get(node);
  }

  /** Revisions grow over restarts too: the upper part counts the starts of the registry. */
  membersView(): MembersView {
    this.#membersView ??= {
      revision: this.#counters.starts * memberChangesPerStart + this.#memberChanges,
      members: [...this.#members.values()].sort((a, b) => order(a.node, b.node)),
    };
    return this.#membersView;
  }

  /** The lease under a key, free or held; undefined when its key never had a token. */
  lease(key: string): LeaseEntry | undefined {
    return this.#leases.get(key);
  }

  leases(prefix: string): readonly LeaseRecord[] {
    const records: LeaseRecord[] = [];
    for (const [key, entry] of this.#leases) {
      if (!key.startsWith(prefix)) continue;
      const holder = entry.holderEpoch === 0 ? undefined : entry.node;
      records.push({ key, token: entry.token, holder, holderEpoch: entry.holderEpoch });
    }
    return records.sort((a, b) => order(a.key, b.key));
  }

  value(key: string): KeyValue | undefined {
    return this.#values.get(key);
  }

  values(prefix: string): readonly KeyValue[] {
    const pairs: KeyValue[] = [];
    for (const pair of this.#values.values()) if (pair.key.startsWith(prefix)) pairs.push(pair);
    return pairs.sort((a, b) => order(a.key, b.key));
  }

  evolve(change: Change): void {
    switch (change.kind) {
      case 'counters':
        this.skipTo(change);
        this.#membersView = undefined;
        return;
      case 'number':
        this.skipTo({ ...this.#counters, index: change.index });
        return;
      case 'token':
        if (!this.#leases.has(change.key)) this.#liveBytes += entryBytes(change.key);
        this.#leases.set(change.key, { token: change.token, node: change.node, holderEpoch: 0 });
        this.skipTo({ ...this.#counters, index: indexOf(change.token) });
        return;
      case 'value-set': {
        const { key, value, revision } = change;
        this.#dropValue(key);
        this.#values.set(key, { key, value, revision });
        this.#liveBytes += entryBytes(key) + value.length;
        this.skipTo({ ...this.#counters, revision });
        return;
      }
      case 'value-deleted':
        this.#dropValue(change.key);
        this.skipTo({ ...this.#counters, revision: change.revision });
        return;
      case 'member-put':
        this.#members.set(change.member.node, change.member);
        this.#membersChanged();
        return;
      case 'member-gone': {
        this.#members.delete(change.node);
        for (const [key, entry] of this.#leases) if (entry.holderEpoch === change.epoch) this.#hold(key, 0);
        this.#membersChanged();
        return;
      }
      case 'lease-held':
        this.#hold(change.key, change.epoch);
        return;
      case 'lease-freed':
        this.#hold(change.key, 0);
        return;
    }
  }

  *snapshot(): Generator<DurableChange> {
    yield { kind: 'counters', ...this.#counters };
    for (const [key, { token, node }] of this.#leases) yield { kind: 'token', key, token, node };
    for (const pair of this.#values.values()) yield { kind: 'value-set', ...pair };
  }

  #hold(key: string, holderEpoch: number): void {
    const entry = this.#leases.get(key);
    if (entry !== undefined) this.#leases.set(key, { ...entry, holderEpoch });
  }

  #dropValue(key: string): void {
    const old = this.#values.get(key);
    if (old === undefined) return;
    this.#values.delete(key);
    this.#liveBytes -= entryBytes(key) + old.value.length;
  }

  #membersChanged(): void {
    this.#memberChanges++;
    this.#membersView = undefined;
  }
}

export interface LeaseEntry {
  /** The last token given for the key. */
  readonly token: number;
  /** The node that it was given to. */
  readonly node: string;
  /** The epoch that holds the lease, 0 when it is free. */
  readonly holderEpoch: number;
}

const memberChangesPerStart = 2 ** 32;

/** Numbers, lengths and record framing of one entry, beside its key and value. */
const entryOverheadBytes = 48;

function entryBytes(key: string): number {
  return entryOverheadBytes + key.length;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

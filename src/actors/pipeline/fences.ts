import { LoomError } from '../../ports/loom-error.ts';
import type { Journal, JournalOptions, SnapshotRecord } from '../../runtime/journal/journal.ts';
import { openJournal } from '../../runtime/journal/open-journal.ts';

/**
 * The highest coordinator token that a node has seen for each data set.
 *
 * F1. `check` refuses a token below the highest one seen (FENCED), and remembers a higher one at once.
 * F2. A token whose `raise` resolved is remembered across restarts. A keeper commits only after that, so no older
 *     token is taken after a commit under a newer one was acknowledged, whatever happens in between.
 * F3. A fence is never lowered. One that is remembered although its commit never came only refuses what the newer
 *     coordinator has made void anyway.
 * F4. A full disk fails the raises that met it (DISK_FULL); the next one opens the journal again. Any other failure
 *     of the journal stays (STORE_STOPPED).
 */
export interface Fences {
  /** The highest token seen, 0 before the first. */
  seen(dataset: string): number;
  /** F1. */
  check(dataset: string, token: number): void;
  /** `check`, and F2 once it resolves. Raises that come together are made durable together. */
  raise(dataset: string, token: number): Promise<void>;
  close(): Promise<void>;
}

export type FencesOptions = Pick<
  JournalOptions,
  'disk' | 'checksum' | 'clock' | 'directory' | 'durability'
> & {
  /** Data sets that are remembered; of more, those are forgotten that were raised longest ago. Default 65,536. */
  readonly maxDatasets?: number;
};

/** Opens the fences of a node. What the journal and the disk throw. */
export async function openFences(options: FencesOptions): Promise<Fences> {
  const fences = new JournaledFences(options);
  await fences.open();
  return fences;
}

const fenceRecord = 1;
const defaultMaxDatasets = 65_536;
/** A journal that is larger, and more than twice what it would be afterwards, is compacted. */
const leastCompactedBytes = 256 * 1024;
const recordBytes = 128;

class JournaledFences implements Fences {
  readonly #options: FencesOptions;
  readonly #seen: Map<string, number> = new Map();
  readonly #durable: Map<string, number> = new Map();
  /** Raises on their way to the disk, so that those of one token share a record. */
  readonly #raising: Map<string, { readonly token: number; readonly done: Promise<void> }> = new Map();
  #journal: Journal | undefined;
  #opening: Promise<Journal> | undefined;
  #compacting = false;
  #closed = false;

  constructor(options: FencesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.#opened();
  }

  seen(dataset: string): number {
    return this.#seen.get(dataset) ?? 0;
  }

  check(dataset: string, token: number): void {
    const seen = this.seen(dataset);
    if (token < seen) {
      throw new LoomError('FENCED', `token ${token} for ${dataset} is older than ${seen}`, {
        details: { dataset, token, seen },
      });
    }
    if (token > seen) note(this.#seen, dataset, token, this.#maxDatasets);
  }

  async raise(dataset: string, token: number): Promise<void> {
    this.check(dataset, token);
    if ((this.#durable.get(dataset) ?? 0) >= token) return;
    const raising = this.#raising.get(dataset);
    if (raising !== undefined && raising.token >= token) {
      await raising.done;
      return;
    }
    const done = this.#append(dataset, token).finally(() => {
      if (this.#raising.get(dataset)?.done === done) this.#raising.delete(dataset);
    });
    this.#raising.set(dataset, { token, done });
    await done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    // Who asked for it has heard of its failure; then there is nothing to close.
    const journal = this.#journal ?? (await this.#opening?.catch(() => undefined));
    await journal?.close();
  }

  async #append(dataset: string, token: number): Promise<void> {
    const journal = await this.#opened();
    try {
      await journal.append(fenceRecord, token, new TextEncoder().encode(dataset));
    } catch (thrown) {
      throw await this.#failed(journal, LoomError.from(thrown, 'DISK_IO'));
    }
    note(this.#durable, dataset, Math.max(token, this.#durable.get(dataset) ?? 0), this.#maxDatasets);
    this.#compactIfLong(journal);
  }

  #opened(): Promise<Journal> {
    if (this.#closed) return Promise.reject(new LoomError('DISK_CLOSED', 'the fences are closed'));
    if (this.#journal !== undefined) return Promise.resolve(this.#journal);
    this.#opening ??= this.#openJournal().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openJournal(): Promise<Journal> {
    const found = new Map<string, number>();
    const journal = await openJournal(this.#options, ({ type, token, body }) => {
      if (type !== fenceRecord) return;
      const dataset = new TextDecoder().decode(body);
      note(found, dataset, Math.max(token, found.get(dataset) ?? 0), this.#maxDatasets);
    });
    for (const [dataset, token] of found) {
      note(this.#durable, dataset, token, this.#maxDatasets);
      if (token > this.seen(dataset)) note(this.#seen, dataset, token, this.#maxDatasets);
    }
    this.#journal = journal;
    return journal;
  }

  /** F4: what a raise that met a failed journal ends with. */
  async #failed(journal: Journal, error: LoomError): Promise<LoomError> {
    if (error.code !== 'JOURNAL_STOPPED') return error;
    if (error.details['reason'] !== 'DISK_FULL') {
      return new LoomError('STORE_STOPPED', error.message, { cause: error, details: { reason: error.code } });
    }
    if (this.#journal === journal) this.#journal = undefined;
    await journal.close();
    return new LoomError('DISK_FULL', 'no room to note a fence', { cause: error });
  }

  #compactIfLong(journal: Journal): void {
    const leastBytes = Math.max(leastCompactedBytes, 2 * recordBytes * this.#seen.size);
    if (this.#compacting || journal.bytes < leastBytes) return;
    this.#compacting = true;
    journal.compact(this.#snapshot()).then(
      () => {
        this.#compacting = false;
      },
      () => {
        // The journal is as long as it was, or has stopped: then the next raise tells it.
        this.#compacting = false;
      },
    );
  }

  /**
   * All that was seen, so more than what is durable: a fence that comes to the disk early refuses nothing that it
   * would not refuse already.
   */
  *#snapshot(): Generator<SnapshotRecord> {
    for (const [dataset, token] of this.#seen) {
      yield { type: fenceRecord, token, body: new TextEncoder().encode(dataset) };
    }
  }

  get #maxDatasets(): number {
    return this.#options.maxDatasets ?? defaultMaxDatasets;
  }
}

/** Sets a fence as the one that was raised last; forgets the one raised longest ago when there are too many. */
function note(fences: Map<string, number>, dataset: string, token: number, most: number): void {
  fences.delete(dataset);
  fences.set(dataset, token);
  if (fences.size <= most) return;
  const [oldest] = fences.keys();
  if (oldest !== undefined) fences.delete(oldest);
}

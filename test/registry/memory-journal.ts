import { LoomError } from '../../src/ports/loom-error.ts';
import type { Journal, JournalRecord } from '../../src/runtime/journal/journal.ts';

/**
 * A journal in memory that a test can fail and crash at any append. What was appended before the crash stays, as on a
 * disk; `keepsFailed` says whether the record whose append failed is there afterwards: both happen to real disks.
 */
export class MemoryJournalStore {
  records: JournalRecord[] = [];
  appends = 0;
  compactions = 0;
  /** Ordinal of the append (from 1) that fails with this code, and whether later ones fail too. */
  failAt: number | undefined;
  failCode: 'JOURNAL_STOPPED' | 'DISK_FULL' = 'JOURNAL_STOPPED';
  failForGood = true;
  keepsFailed = false;
  /** Appends wait for this before they are done. */
  gate: Promise<void> = Promise.resolve();

  readonly open = async (replay: (record: JournalRecord) => void): Promise<Journal> => {
    for (const record of this.records) replay(record);
    return this.#journal();
  };

  get bytes(): number {
    return this.records.reduce((sum, record) => sum + record.body.length + 32, 0);
  }

  #journal(): Journal {
    const store = this;
    let sequence = store.records.at(-1)?.sequence ?? 0;
    let closed = false;
    return {
      get bytes(): number {
        return store.bytes;
      },
      get lastSequence(): number {
        return sequence;
      },
      async append(type: number, token: number, body: Uint8Array): Promise<number> {
        if (closed) throw new LoomError('DISK_CLOSED', 'the journal is closed');
        store.appends++;
        const ordinal = store.appends;
        await store.gate;
        const fails =
          store.failAt !== undefined &&
          (store.failForGood ? ordinal >= store.failAt : ordinal === store.failAt);
        if (!fails || store.keepsFailed)
          store.records.push({ type, token, sequence: ++sequence, body: body.slice() });
        if (fails) throw new LoomError(store.failCode, 'made to fail');
        return sequence;
      },
      async compact(snapshot: Iterable<{ type: number; token: number; body: Uint8Array }>): Promise<void> {
        store.compactions++;
        store.records = Array.from(snapshot, (record) => ({
          ...record,
          sequence: ++sequence,
          body: record.body.slice(),
        }));
      },
      async close(): Promise<void> {
        closed = true;
      },
    };
  }
}

import { maxRegistryKeyBytes, maxRegistryOperations, maxRegistryValueBytes } from '../../ports/registry.ts';
import type { Journal, JournalOptions, JournalRecord } from '../../runtime/journal/journal.ts';
import { openJournal } from '../../runtime/journal/open-journal.ts';

/**
 * The journal of an embedded registry, for the `journal` option. Its records are as large as the largest transaction
 * that the port allows (R7), as a transaction is kept in one record or not at all.
 */
export function registryJournal(
  options: Pick<JournalOptions, 'disk' | 'checksum' | 'directory' | 'durability'>,
): (replay: (record: JournalRecord) => void) => Promise<Journal> {
  return (replay) => openJournal({ ...options, maxRecordBytes, maxPendingBytes: 2 * maxRecordBytes }, replay);
}

/** Room for the other calls of a batch that a largest transaction is the last of. */
const batchBytes = 2 * 1024 * 1024;
const entryBytes = 64 + maxRegistryKeyBytes + maxRegistryValueBytes;
const maxRecordBytes = batchBytes + maxRegistryOperations * entryBytes;

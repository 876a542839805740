import { LoomError } from '../../ports/loom-error.ts';
import type { SnapshotRecord } from './journal.ts';

const maxRecordType = 0xffff_ffff;

/** Why a journal does not take a record (JOURNAL_LIMIT), or undefined when it does. */
export function recordMisfit(record: SnapshotRecord, maxRecordBytes: number): LoomError | undefined {
  const { type, token, body } = record;
  if (body.length > maxRecordBytes) {
    return new LoomError('JOURNAL_LIMIT', `a record of ${body.length} bytes exceeds ${maxRecordBytes}`);
  }
  if (!Number.isSafeInteger(type) || type < 0 || type > maxRecordType) {
    return new LoomError('JOURNAL_LIMIT', `record type ${type} is no 32-bit integer`);
  }
  if (!Number.isSafeInteger(token) || token < 0) {
    return new LoomError('JOURNAL_LIMIT', `token ${token} is no safe integer`);
  }
  return undefined;
}

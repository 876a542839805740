import { LoomError } from '../../ports/loom-error.ts';
import type { Journal } from './journal.ts';

/** A journal under durability `memory`: it numbers records and keeps none. */
export function memoryJournal(): Journal {
  let lastSequence = 0;
  let closed = false;
  return {
    append() {
      if (closed) return Promise.reject(new LoomError('DISK_CLOSED', 'the journal is closed'));
      return Promise.resolve(++lastSequence);
    },
    compact: () => Promise.resolve(),
    bytes: 0,
    get lastSequence() {
      return lastSequence;
    },
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}

import { parentPort } from 'node:worker_threads';
import { LoomError } from '../ports/loom-error.ts';
import { replayed } from './replayed.ts';
import type { SeedOrder } from './seed-order.ts';

/** The entry of a worker thread: runs the seeds that it is given, one after the other. */
const port = parentPort;
if (port === null) throw new LoomError('INTERNAL', 'this file is the entry of a worker thread');
port.on('message', (order: SeedOrder) => {
  // Faults make errors by the thousand, whose stacks only a replay needs.
  Error.stackTraceLimit = order.keptLines > 0 ? 10 : 0;
  replayed(order).then(
    (report) => port.postMessage(report),
    (error: unknown) => {
      throw error;
    },
  );
});

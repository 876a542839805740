import type { Socket } from 'node:net';
import { nativeChecksum } from '../adapters/checksum/native-checksum.ts';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { nodeDisk } from '../adapters/disk/node-disk.ts';
import { cryptoRandom } from '../adapters/random/crypto-random.ts';
import type { BulkPlane } from '../ports/bulk.ts';
import type { Checksum } from '../ports/checksum.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { LoomError } from '../ports/loom-error.ts';
import type { Random } from '../ports/random.ts';
import type { Transport } from '../ports/transport.ts';
import { type EmbeddedRegistry, openEmbeddedRegistry } from '../registry/embedded/embedded-registry.ts';
import { registryJournal } from '../registry/embedded/registry-journal.ts';
import type { JournalDurability } from '../runtime/journal/journal.ts';
import { MemoryBulkPlane } from '../transport/memory/memory-bulk-plane.ts';
import { MemoryTransport } from '../transport/memory/memory-transport.ts';
import { connectSocket, type SocketClient } from '../transport/socket/socket-client.ts';
import { SocketHub } from '../transport/socket/socket-hub.ts';
import type { FolderLock } from './folder-lock.ts';

/** What a process shares among its nodes: the machine, behind ports. */
export interface Machine {
  readonly clock: Clock;
  readonly random: Random;
  readonly checksum: Checksum;
  readonly disk: Disk;
}

/** The machine that this process runs on. */
export function machine(): Machine {
  return { clock: systemClock(), random: cryptoRandom(), checksum: nativeChecksum(), disk: nodeDisk() };
}

/** What the logical nodes of one process reach each other through. */
export interface ClusterPlanes {
  readonly transport: Transport;
  readonly bulk: BulkPlane;
}

export function inProcessPlanes(): ClusterPlanes {
  return { transport: new MemoryTransport(), bulk: new MemoryBulkPlane() };
}

/** The registry of a cluster that lives in one process, kept in `folder`. */
export function openDevRegistry(
  { clock, disk, checksum }: Machine,
  folder: string,
  durability: JournalDurability,
  report: (error: LoomError) => void,
): Promise<EmbeddedRegistry> {
  const journal = registryJournal({ disk, checksum, directory: folder, durability });
  return openEmbeddedRegistry({ clock, journal, report });
}

/** Frames over the socket of a folder's lock, to whoever connects to it. */
export function socketHub(lock: FolderLock): SocketHub {
  return SocketHub.over({ path: lock.holder.socket }, (accept) => lock.serve(accept));
}

/** Frames to the process at the other end of a connected socket, as the one node `node`. */
export function socketClient(path: string, socket: Socket, node: string): Promise<SocketClient> {
  return connectSocket({ path, socket, node });
}

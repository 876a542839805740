import type { Socket } from 'node:net';
import { join } from 'node:path';
import { LoomError } from '../ports/loom-error.ts';
import { folderFault, systemCode } from './folder-fault.ts';
import { lockFile } from './folder-lock.ts';
import { type Holder, readHolder } from './folder-lock-claim.ts';
import { connectSocket } from './folder-lock-socket.ts';

const connectLimitMs = 2_000;

/** A connection to the process that serves a data folder, and who that is. */
export interface FolderConnection {
  readonly holder: Holder;
  readonly socket: Socket;
}

/** Connects to whoever serves the folder; NOT_RUNNING when nobody does. */
export async function connectFolder(folder: string): Promise<FolderConnection> {
  let holder: Holder | undefined;
  try {
    holder = await readHolder(join(folder, lockFile));
  } catch (error) {
    if (systemCode(error) !== 'ENOTDIR') throw folderFault(folder, error);
  }
  if (holder === undefined) {
    throw new LoomError('NOT_RUNNING', `nothing runs on the data folder ${folder}`, { details: { folder } });
  }
  try {
    return { holder, socket: await connectSocket(holder.socket, connectLimitMs) };
  } catch (error) {
    const why = systemCode(error) || String(error);
    throw new LoomError(
      'NOT_RUNNING',
      `process ${holder.pid} no longer serves the data folder ${folder} (${why})`,
      {
        cause: error,
        details: { folder, pid: holder.pid, socket: holder.socket },
      },
    );
  }
}

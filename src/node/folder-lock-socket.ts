import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoomError } from '../ports/loom-error.ts';
import { systemCode } from './folder-fault.ts';

/** Socket paths are cut silently at 104 bytes with their NUL on macOS, at 108 on Linux. */
export const longestSocketPathBytes = 103;

const probeLimitMs = 500;
const socketName = /^[0-9a-f]{8}\.sock$/;

export interface LockSocket {
  readonly server: Server;
  readonly path: string;
}

/**
 * Opens a socket of its own, listening, mode 0600, in a folder of mode 0700: the lock room, or the runtime folder when
 * the room's path is too long for a socket or its file system takes none. The name is fresh, so that a socket that is
 * named in a claim was listening before the claim was made.
 */
export async function openLockSocket(room: string, environment: NodeJS.ProcessEnv): Promise<LockSocket> {
  const name = `${randomBytes(4).toString('hex')}.sock`;
  const refusals: string[] = [];
  for (const folder of [room, ...runtimeFolders(environment)]) {
    const path = join(folder, name);
    if (Buffer.byteLength(path) > longestSocketPathBytes) {
      refusals.push(`${folder} is too long for a socket`);
      continue;
    }
    try {
      if (folder !== room) await makePrivate(folder);
      const server = await listen(path);
      await chmod(path, 0o600);
      return { server, path };
    } catch (error) {
      refusals.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new LoomError('DISK_DENIED', `no folder takes the lock’s socket: ${refusals.join('; ')}`);
}

export type Probe = 'answers' | 'refuses' | 'missing';

/** Whether a process listens at `path`. What cannot be judged counts as answering: a lock is never taken on a guess. */
export function probe(path: string): Promise<Probe> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (answer: Probe): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeLimitMs, () => finish('answers'));
    socket.on('connect', () => finish('answers'));
    socket.on('error', (error) => {
      const code = systemCode(error);
      if (code === 'ECONNREFUSED' || code === 'ENOTSOCK') finish('refuses');
      else finish(code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'answers');
    });
  });
}

/** Connects to a socket; rejects with the system's error, or when `limitMs` pass. */
export function connectSocket(path: string, limitMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(limitMs, () => socket.destroy(new Error(`no answer within ${limitMs} ms`)));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Removes the socket that a dead holder left, and nothing that is not one: the path was read from a file. */
export async function removeDeadSocket(path: string): Promise<void> {
  if (!socketName.test(path.slice(path.lastIndexOf('/') + 1))) return;
  const stat = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (stat?.isSocket() === true) await rm(path, { force: true });
}

function listen(path: string): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

function runtimeFolders(environment: NodeJS.ProcessEnv): readonly string[] {
  const shared = `loom-${process.getuid?.() ?? 'user'}`;
  const runtime = environment['XDG_RUNTIME_DIR'];
  const own = runtime?.startsWith('/') === true ? [join(runtime, 'loom')] : [];
  return [...own, join(tmpdir(), shared), join('/tmp', shared)];
}

/** Makes a folder for this user alone. One that another user made, or may write to, is refused. */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stat = await lstat(folder);
  const mine = process.getuid === undefined || stat.uid === process.getuid();
  if (!stat.isDirectory() || !mine || (stat.mode & 0o077) !== 0) {
    throw new Error(`${folder} is not a folder of this user alone`);
  }
}

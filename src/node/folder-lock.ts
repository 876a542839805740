import { mkdir, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { LoomError } from '../ports/loom-error.ts';
import {
  type Claim,
  type Holder,
  listGenerations,
  placeClaim,
  readClaim,
  releaseClaim,
  removeClaim,
  writeHolder,
} from './folder-lock-claim.ts';
import { type LockSocket, openLockSocket, probe, removeDeadSocket } from './folder-lock-socket.ts';
import { WaitingRoom } from './folder-lock-waiting.ts';
import { livesSince, processStart } from './process-start.ts';

/**
 * One process at a time on a folder, without flock, which Node has not. A lock is a claim file of the highest
 * generation in `<folder>/lock/`, and it lives as long as the socket that it names answers.
 *
 * K1. A claim is placed exclusively and whole (a hard link), after its socket listens: so a named socket that refuses
 *     belongs to a process that is gone.
 * K2. The claim of the highest generation is never removed: a later starter counts on from it, and of two that count
 *     on to the same generation one gets it.
 * K3. A starter claims only one above a highest that it saw dead, and holds the folder only if it then sees no higher
 *     one: so a starter that slept before its claim gives way to whoever overtook it.
 * K4. Who cannot be judged is alive: a timeout, a socket that vanished while its process lives.
 */
export interface FolderLock {
  readonly holder: Holder;
  /** The listening descriptor. A child that inherits it keeps the folder held for as long as it lives. */
  readonly descriptor: number;
  /** Hands over connections to the socket, also those that came since the start. Once. */
  serve(accept: (socket: Socket) => void): void;
  /** Gives the folder up: connections are destroyed, the socket and `loom.lock` removed. Harmless when repeated. */
  release(): Promise<void>;
}

export interface FolderLockOptions {
  /** Loom's version, which the holder tells. */
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
}

export const lockFile = 'loom.lock';
export const lockRoom = 'lock';

/** Enough for every process of a machine to be overtaken once. */
const mostTries = 1_000;

/** Holds an existing folder. FOLDER_HELD, naming the holder, when another process does. Never waits for it. */
export async function holdFolder(folder: string, options: FolderLockOptions): Promise<FolderLock> {
  const room = join(folder, lockRoom);
  await mkdir(room, { recursive: true, mode: 0o700 });
  await highestDead(folder, room);
  const socket = await openLockSocket(room, options.environment);
  try {
    const claim = await claimFolder(folder, room, socket, options.version);
    try {
      await removeLower(room, claim.generation);
      await writeHolder(room, join(folder, lockFile), claim);
      return heldLock(folder, room, socket, claim);
    } catch (error) {
      await releaseClaim(room, claim);
      throw error;
    }
  } catch (error) {
    socket.server.close();
    throw error;
  }
}

async function claimFolder(
  folder: string,
  room: string,
  socket: LockSocket,
  version: string,
): Promise<Claim> {
  for (let tries = 0; tries < mostTries; tries++) {
    const generation = (await highestDead(folder, room)) + 1;
    const claim: Claim = {
      generation,
      pid: process.pid,
      socket: socket.path,
      version,
      started: new Date().toISOString(),
      processStart: processStart(process.pid),
      released: false,
    };
    if (!(await placeClaim(room, claim))) continue;
    const generations = await listGenerations(room);
    if (generations.every((other) => other <= generation)) return claim;
    await removeClaim(room, generation); // K3; a higher one stands, so K2 is kept
  }
  throw new LoomError('FOLDER_HELD', `too many processes want the data folder ${folder} at once`, {
    details: { folder },
  });
}

/** The highest generation claimed, 0 when none is. FOLDER_HELD when its holder lives. */
async function highestDead(folder: string, room: string): Promise<number> {
  for (let tries = 0; tries < mostTries; tries++) {
    const generation = Math.max(0, ...(await listGenerations(room)));
    if (generation === 0) return 0;
    const claim = await readClaim(room, generation);
    if (claim === undefined) continue; // overtaken and cleared away since the list was read
    if (claim.released || !(await lives(claim))) return generation;
    throw heldBy(folder, claim);
  }
  throw new LoomError('FOLDER_HELD', `too many processes want the data folder ${folder} at once`, {
    details: { folder },
  });
}

async function lives(claim: Claim): Promise<boolean> {
  const answer = await probe(claim.socket);
  if (answer === 'missing') return livesSince(claim.pid, claim.processStart); // K4
  return answer === 'answers';
}

function heldBy(folder: string, holder: Holder): LoomError {
  return new LoomError(
    'FOLDER_HELD',
    `the data folder ${folder} is held by process ${holder.pid} (Loom ${holder.version}, started ${holder.started}, socket ${holder.socket})`,
    { details: { folder, pid: holder.pid, socket: holder.socket } },
  );
}

async function removeLower(room: string, generation: number): Promise<void> {
  for (const lower of await listGenerations(room)) {
    if (lower >= generation) continue;
    const claim = await readClaim(room, lower);
    await removeClaim(room, lower);
    if (claim !== undefined) await removeDeadSocket(claim.socket);
  }
}

function heldLock(folder: string, room: string, socket: LockSocket, claim: Claim): FolderLock {
  const waiting = new WaitingRoom(socket.server);
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    await rm(join(folder, lockFile), { force: true });
    waiting.close();
    socket.server.close(); // removes the socket; until the claim says so too, K4 keeps the folder held
    await releaseClaim(room, claim);
  };
  const { pid, version, started } = claim;
  return {
    holder: Object.freeze({ pid, socket: socket.path, version, started }),
    descriptor: waiting.descriptor,
    serve: (accept) => waiting.serve(accept),
    release: () => {
      released ??= release();
      return released;
    },
  };
}

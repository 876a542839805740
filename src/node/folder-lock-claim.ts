import { randomBytes } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '../ports/loom-error.ts';
import { systemCode } from './folder-fault.ts';

/** Who holds a folder, as its `loom.lock` says it to clients and as error messages name it. */
export interface Holder {
  readonly pid: number;
  readonly socket: string;
  readonly version: string;
  /** Wall time, ISO 8601, for display. */
  readonly started: string;
}

/** One claim to a folder: a file named after its generation, complete from the moment it can be seen. */
export interface Claim extends Holder {
  readonly generation: number;
  /** Tells this process from a later one with the same id, where the system can say. */
  readonly processStart: string;
  readonly released: boolean;
}

const claimName = /^(\d{1,15})\.claim$/;

/** The generations claimed in the lock room, in no order. Every claim that stood before the call is among them. */
export async function listGenerations(room: string): Promise<readonly number[]> {
  const names = await readdir(room);
  return names.flatMap((name) => {
    const match = claimName.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

/** The claim of a generation; undefined when it has been removed. */
export async function readClaim(room: string, generation: number): Promise<Claim | undefined> {
  const path = claimPath(room, generation);
  const text = await readTextIfAny(path);
  if (text === undefined) return undefined;
  const holder = parseHolder(text, path);
  const extra = JSON.parse(text) as Partial<Claim>;
  return {
    ...holder,
    generation,
    processStart: String(extra.processStart ?? ''),
    released: extra.released === true,
  };
}

/** Places a claim unless its generation is taken; answers whether it did. Exclusive, and never seen half written. */
export async function placeClaim(room: string, claim: Claim): Promise<boolean> {
  const candidate = await writeCandidate(room, claim);
  try {
    await link(candidate, claimPath(room, claim.generation));
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(candidate, { force: true });
  }
}

/** Marks one's own claim as given up. It stays, so that the highest generation is always there to count on from. */
export async function releaseClaim(room: string, claim: Claim): Promise<void> {
  const candidate = await writeCandidate(room, { ...claim, released: true });
  await rename(candidate, claimPath(room, claim.generation));
}

export async function removeClaim(room: string, generation: number): Promise<void> {
  await rm(claimPath(room, generation), { force: true });
}

/** Writes `loom.lock`, in which clients find the socket; a reader sees the old one or the new one, whole. */
export async function writeHolder(room: string, path: string, holder: Holder): Promise<void> {
  const { pid, socket, version, started } = holder;
  const candidate = await writeCandidate(room, { pid, socket, version, started });
  await rename(candidate, path);
}

/** Who `loom.lock` names; undefined when there is none. FOLDER_FOREIGN when it is not Loom's. */
export async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readTextIfAny(path);
  return text === undefined ? undefined : parseHolder(text, path);
}

function claimPath(room: string, generation: number): string {
  return join(room, `${generation}.claim`);
}

async function writeCandidate(room: string, record: object): Promise<string> {
  const path = join(room, `${randomBytes(6).toString('hex')}.tmp`);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(record)}\n`);
    // Else a power cut could leave a claim that is seen but empty.
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}

async function readTextIfAny(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseHolder(text: string, path: string): Holder {
  let record: Partial<Holder> | null;
  try {
    record = JSON.parse(text) as Partial<Holder> | null;
  } catch (error) {
    throw foreignLock(path, error);
  }
  const { pid, socket, version, started } = record ?? {};
  if (!Number.isSafeInteger(pid) || pid === undefined || pid <= 0) throw foreignLock(path);
  if (typeof socket !== 'string' || typeof version !== 'string' || typeof started !== 'string')
    throw foreignLock(path);
  return { pid, socket, version, started };
}

function foreignLock(path: string, cause?: unknown): LoomError {
  return new LoomError(
    'FOLDER_FOREIGN',
    `${path} is not a lock that Loom wrote; remove it if no Loom runs on this folder`,
    {
      cause,
      details: { path },
    },
  );
}

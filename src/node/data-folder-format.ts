import { open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '../ports/loom-error.ts';
import { systemCode } from './folder-fault.ts';
import { lockFile, lockRoom } from './folder-lock.ts';

/** The layout of the data folder that this Loom writes, and the newest that it reads. */
const dataFormat = 1;

const versionFile = 'version';
const candidateFile = 'version.tmp';
const pattern = /^loom-data (\d{1,9})\n?$/;

/** What an empty folder may hold all the same: our own first steps, and what systems leave in any folder. */
const harmless: ReadonlySet<string> = new Set([lockFile, lockRoom, candidateFile, 'lost+found', '.DS_Store']);

/**
 * Whether the folder is new (true) or Loom's own of a format that this Loom reads (false). DATA_VERSION when it is of
 * a newer one; FOLDER_FOREIGN when it holds what Loom did not make. Changes nothing.
 */
export async function judgeFolder(folder: string): Promise<boolean> {
  const text = await readVersion(folder);
  if (text === undefined) {
    const foreign = (await readdir(folder)).filter((name) => !harmless.has(name)).sort();
    if (foreign.length === 0) return true;
    const some = foreign
      .slice(0, 3)
      .map((name) => JSON.stringify(name))
      .join(', ');
    throw foreignFolder(folder, `the folder ${folder} is not empty and not Loom’s: it holds ${some}`);
  }
  const format = Number(pattern.exec(text)?.[1] ?? 0);
  if (format === 0) throw foreignFolder(folder, `the file version in the folder ${folder} is not Loom’s`);
  if (format <= dataFormat) return false;
  throw new LoomError(
    'DATA_VERSION',
    `the data folder ${folder} has format ${format}; this Loom reads formats up to ${dataFormat}`,
    { details: { folder, format, supported: dataFormat } },
  );
}

/** Makes the folder Loom's, durably. Only the holder of the folder's lock calls this. */
export async function markFolder(folder: string): Promise<void> {
  const candidate = join(folder, candidateFile);
  const file = await open(candidate, 'w', 0o600);
  try {
    await file.writeFile(`loom-data ${dataFormat}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(candidate, join(folder, versionFile));
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readVersion(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, versionFile), 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (systemCode(error) === 'EISDIR')
      throw foreignFolder(folder, `the folder ${folder} has a folder named version`);
    throw error;
  }
}

function foreignFolder(folder: string, detail: string): LoomError {
  return new LoomError('FOLDER_FOREIGN', detail, { details: { folder } });
}

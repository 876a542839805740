import type { Checksum } from '../../ports/checksum.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { type ChunkCatalogue, chunkPath } from './chunk-store-catalogue.ts';
import { readChunkHeader, storedChunkOf } from './chunk-store-reader.ts';
import { eachBounded } from './each-bounded.ts';
import type { FilePlacer } from './file-placer.ts';
import { objectPath, readObjectHeader } from './object-file.ts';
import type { ObjectStore } from './object-store.ts';

export interface StoreScan {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly root: string;
  readonly placer: FilePlacer;
  readonly catalogue: ChunkCatalogue;
  readonly objects: ObjectStore;
}

const callsAtOnce = 16;

/**
 * Finds what a store holds, by headers alone. Each folder is synced first: a name that an earlier process gave and was
 * killed before it synced must not count as durable. Files that do not verify are noted as damaged, and left.
 * DATA_VERSION when a newer Loom wrote one.
 */
export async function scanStore(scan: StoreScan): Promise<void> {
  await eachBounded(await filesBelow(scan, 'chunks'), callsAtOnce, (path) =>
    orDamaged(scan, path, scanChunk),
  );
  await eachBounded(await filesBelow(scan, 'objects'), callsAtOnce, (path) =>
    orDamaged(scan, path, scanObject),
  );
}

/** The files in the folders of a folder, as paths below the store's root. */
async function filesBelow({ disk, placer, root }: StoreScan, top: string): Promise<readonly string[]> {
  const folders = (await disk.list(`${root}/${top}`)).filter(({ kind }) => kind === 'directory');
  const paths: string[] = [];
  await eachBounded(folders, callsAtOnce, async ({ name: folder }) => {
    await placer.syncDirectory(`${root}/${top}/${folder}`);
    for (const { name, kind } of await disk.list(`${root}/${top}/${folder}`)) {
      if (kind === 'file') paths.push(`${top}/${folder}/${name}`);
    }
  });
  return paths;
}

async function orDamaged(
  scan: StoreScan,
  path: string,
  look: (scan: StoreScan, file: DiskFile, path: string) => Promise<void>,
): Promise<void> {
  try {
    const file = await scan.disk.open(`${scan.root}/${path}`, 'read');
    try {
      await look(scan, file, path);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    const error = LoomError.from(thrown);
    if (!damageCodes.has(error.code)) throw error;
    scan.catalogue.addDamaged({ path, reason: error.message });
  }
}

/** A header that does not verify or makes no sense, a file that the disk cannot read. */
const damageCodes: ReadonlySet<string> = new Set(['CHECKSUM_MISMATCH', 'INVALID_MESSAGE', 'DISK_IO']);

async function scanChunk(scan: StoreScan, file: DiskFile, path: string): Promise<void> {
  const chunk = storedChunkOf(await readChunkHeader(scan.checksum, file));
  if (path !== chunkPath(chunk.key)) throw new LoomError('CHECKSUM_MISMATCH', 'the file holds another chunk');
  scan.catalogue.add(chunk);
}

async function scanObject(scan: StoreScan, file: DiskFile, path: string): Promise<void> {
  const object = await readObjectHeader(scan.checksum, file);
  if (path !== objectPath(object.hash))
    throw new LoomError('CHECKSUM_MISMATCH', 'the file holds another object');
  scan.objects.add(object);
}

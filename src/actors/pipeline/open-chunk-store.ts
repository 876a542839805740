import { makeDurableDirectory } from '../../runtime/journal/durable-directory.ts';
import type { ChunkStore, ChunkStoreOptions } from './chunk-store.ts';
import { ChunkCatalogue } from './chunk-store-catalogue.ts';
import { DiskChunkStore } from './chunk-store-disk.ts';
import { scanStore } from './chunk-store-scan.ts';
import { FilePlacer } from './file-placer.ts';
import { ObjectStore } from './object-store.ts';

/**
 * Opens the store of a folder: removes what was left unfinished, reads the headers of what is there. Files that do not
 * verify are in `damaged`. DATA_VERSION when a newer Loom wrote one, and what the disk throws.
 */
export async function openChunkStore(options: ChunkStoreOptions): Promise<ChunkStore> {
  const { disk, checksum, random, root, durability } = options;
  const powerSafe = durability === 'power-safe';
  const incoming = `${root}/incoming`;
  const placer = new FilePlacer({ disk, random, incoming, powerSafe });
  if (powerSafe) await makeDurableDirectory(disk, root);
  await disk.makeDirectory(incoming);
  await disk.makeDirectory(`${root}/chunks`);
  await disk.makeDirectory(`${root}/objects`);
  for (const directory of [root, `${root}/chunks`, `${root}/objects`]) await placer.syncDirectory(directory);
  for (const { name, kind } of await disk.list(incoming)) {
    if (kind === 'file' && name.endsWith('.part')) await disk.remove(`${incoming}/${name}`);
  }
  const catalogue = new ChunkCatalogue();
  const objects = new ObjectStore({ disk, checksum, placer, catalogue, root });
  await scanStore({ disk, checksum, root, placer, catalogue, objects });
  return new DiskChunkStore(options, { placer, catalogue, objects });
}

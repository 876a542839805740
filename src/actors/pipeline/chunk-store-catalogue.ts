import { type ChunkKey, chunkFileName } from './chunk-header.ts';
import type { DamagedFile, StoredChunk } from './chunk-store.ts';

/** Where a chunk lies below the store's root. */
export function chunkPath(key: ChunkKey): string {
  return `${chunkDirectory(key.dataset)}/${chunkFileName(key)}`;
}

export function chunkDirectory(dataset: string): string {
  return `chunks/${dataset}`;
}

/** What the store knows of its chunk files: the sound ones by data set and file name, the damaged ones by path. */
export class ChunkCatalogue {
  readonly #datasets: Map<string, Map<string, StoredChunk>> = new Map();
  readonly #damaged: Map<string, DamagedFile> = new Map();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get damaged(): readonly DamagedFile[] {
    return [...this.#damaged.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  find(key: ChunkKey): StoredChunk | undefined {
    const found = this.#datasets.get(key.dataset)?.get(chunkFileName(key));
    return found?.key.hash === key.hash ? found : undefined;
  }

  isDamaged(key: ChunkKey): boolean {
    return this.hasDamaged(chunkPath(key));
  }

  hasDamaged(path: string): boolean {
    return this.#damaged.has(path);
  }

  clearDamaged(path: string): void {
    this.#damaged.delete(path);
  }

  add(chunk: StoredChunk): void {
    this.forget(chunk.key);
    const { dataset } = chunk.key;
    const chunks = this.#datasets.get(dataset) ?? new Map<string, StoredChunk>();
    this.#datasets.set(dataset, chunks.set(chunkFileName(chunk.key), chunk));
    this.#bytes += chunk.fileBytes;
  }

  addDamaged(file: DamagedFile): void {
    this.#damaged.set(file.path, file);
  }

  markDamaged(key: ChunkKey, reason: string): void {
    this.forget(key);
    this.addDamaged({ path: chunkPath(key), reason });
  }

  forget(key: ChunkKey): void {
    this.#damaged.delete(chunkPath(key));
    const chunks = this.#datasets.get(key.dataset);
    const known = chunks?.get(chunkFileName(key));
    if (chunks === undefined || known === undefined) return;
    this.#bytes -= known.fileBytes;
    chunks.delete(chunkFileName(key));
    if (chunks.size === 0) this.#datasets.delete(key.dataset);
  }

  forgetDataset(dataset: string): void {
    for (const { key } of this.list(dataset)) this.forget(key);
    for (const path of this.#damaged.keys()) {
      if (path.startsWith(`${chunkDirectory(dataset)}/`)) this.#damaged.delete(path);
    }
  }

  list(dataset?: string): readonly StoredChunk[] {
    const datasets = dataset === undefined ? [...this.#datasets.keys()].sort() : [dataset];
    return datasets.flatMap((each) =>
      [...(this.#datasets.get(each)?.values() ?? [])].sort((a, b) => a.key.index - b.key.index),
    );
  }
}

import type { ChunkCommits } from './chunk-commits.ts';
import type { ChunkStaging } from './chunk-staging.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { Fences } from './fences.ts';

/**
 * Removes what a keeper has of a data set: staged and stored chunks, and its claim on objects. Answers how many chunks
 * there were.
 *
 * The tries of the coordinators that were seen so far are fenced off first, durably: what of them is still on its way
 * must not bring a chunk back. A later coordinator may store the data set anew.
 */
export async function forgetDataset(
  dataset: string,
  keeper: {
    readonly store: ChunkStore;
    readonly fences: Fences;
    readonly staging: ChunkStaging;
    readonly commits: ChunkCommits;
  },
): Promise<number> {
  const { store, fences, staging, commits } = keeper;
  const seen = fences.seen(dataset);
  if (seen > 0) await fences.raise(dataset, seen + 1);
  await staging.discardDataset(dataset);
  await commits.settled(dataset);
  const chunks = store.list(dataset).length;
  await store.removeDataset(dataset);
  for (const { hash, owners } of store.objects()) {
    if (owners.includes(dataset)) await store.removeObject(hash, dataset);
  }
  return chunks;
}

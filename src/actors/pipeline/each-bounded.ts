/** Runs `work` on every item, at most `limit` at a time; the first failure ends it once the others have settled. */
export async function eachBounded<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  async function lane(): Promise<void> {
    while (next < items.length && !failed) {
      try {
        await work(items[next++] as T);
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, lane));
  for (const each of lanes) if (each.status === 'rejected') throw each.reason;
}

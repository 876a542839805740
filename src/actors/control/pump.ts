import { LoomError } from '../../ports/loom-error.ts';
import type { Feed } from '../../runtime/feed.ts';

/**
 * Moves items into a feed as fast as its consumer takes them, and their end or failure after them. `items` is told by
 * its signal when nobody wants more. Resolves when all is said; it does not reject.
 */
export async function pump<Item>(
  items: (signal: AbortSignal) => AsyncIterable<Item>,
  feed: Feed<Item>,
): Promise<void> {
  const unwanted = new AbortController();
  let wake: () => void = () => undefined;
  feed.onChange(() => {
    if (feed.closed) unwanted.abort(new LoomError('CANCELLED', 'nobody reads the items any more'));
    wake();
  });
  try {
    for await (const item of items(unwanted.signal)) {
      while (feed.push(item) === 'no-credit') {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (feed.closed) return;
    }
    feed.complete();
  } catch (thrown) {
    feed.fail(LoomError.from(thrown));
  }
}

import type { Books } from './books.ts';
import { Counter, counter, counterKind } from './counter-actor.ts';
import type { NodeWork, WorkPlace } from './life.ts';

/** Virtual actors with state: each node adds ids to counters, and repeats what failed until it is acknowledged. */
export function startCounterLoad<Work extends NodeWork>(
  place: WorkPlace,
  books: Books<Work>,
  everyMs: number,
  paused: () => boolean,
): void {
  const { cluster, process, life, random } = place;
  const region = cluster.region({
    kind: counterKind,
    protocol: Counter,
    behavior: (ownership) => counter(ownership, cluster.membership.handle),
    shards: 16,
    idleMs: 5000,
  });

  async function add(key: string, id: string): Promise<void> {
    while (life.endedMs === undefined) {
      const deadlineMs = 200 + random.below(4000);
      const asked = region.ref(key).ask.add({ id }, { deadlineMs });
      const answer = await books.asks.follow({ life, process }, `add to ${key}`, deadlineMs, asked);
      if (answer !== undefined) {
        books.effects.acknowledged(key, id);
        return;
      }
      await new Promise<void>((resolve) => void process.after(100 + random.below(900), resolve));
    }
  }

  function step(): void {
    if (life.endedMs !== undefined) return;
    process.after(random.float() * 2 * everyMs, step);
    if (paused()) return;
    const { key, id } = books.effects.draw(random);
    void add(key, id);
  }

  process.after(random.float() * everyMs, step);
}

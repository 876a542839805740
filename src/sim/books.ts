import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import { AskBook } from './ask-book.ts';
import { ChunkBook } from './chunk-book.ts';
import { DatasetBook } from './dataset-book.ts';
import { EffectBook } from './effect-book.ts';
import { LeaseBook } from './lease-book.ts';
import type { NodeWork } from './life.ts';
import { MessageBook } from './message-book.ts';
import type { Violations } from './violations.ts';
import { WatchBook } from './watch-book.ts';
import type { Witness } from './witness.ts';

/** What is written down of a run, to hold it to its promises. */
export interface Books<Work extends NodeWork> {
  readonly asks: AskBook;
  readonly chunks: ChunkBook;
  readonly datasets: DatasetBook;
  readonly effects: EffectBook;
  readonly leases: LeaseBook<Work>;
  readonly messages: MessageBook;
  readonly watches: WatchBook;
}

export function openBooks<Work extends NodeWork>(
  violations: Violations,
  random: SeededRandom,
  witness: Witness,
): Books<Work> {
  return {
    asks: new AskBook(violations, (node) => witness.thawedMs(node)),
    chunks: new ChunkBook(violations),
    datasets: new DatasetBook(violations, random),
    effects: new EffectBook(violations),
    leases: new LeaseBook(violations),
    messages: new MessageBook(violations, witness),
    watches: new WatchBook(violations, witness),
  };
}

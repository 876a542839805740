import type { Member } from '../ports/registry.ts';
import { rendezvousFirst } from './hash-ring.ts';
import { hashText } from './string-hash.ts';

/** Shards of a kind of virtual actor. Changing it moves every key: it belongs to the kind for good. */
export const defaultShardCount: number = 256;

/** The shard that a key lies in, from 0 to `shardCount - 1`. */
export function shardOf(key: string, shardCount: number = defaultShardCount): number {
  return hashText(key).low % shardCount;
}

/**
 * The node that should own a shard, and the only one that may try its lease. Members that drain are passed over.
 * Undefined when there is none. Everyone who sees the same members names the same node.
 */
export function candidateOf(kind: string, shard: number, members: readonly Member[]): string | undefined {
  return rendezvousFirst(`${kind}#${shard}`, readyNodes(members));
}

function* readyNodes(members: readonly Member[]): Generator<string> {
  for (const { node, state } of members) if (state === 'ready') yield node;
}

import type { BulkAttachment } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { AskClient } from '../../runtime/client.ts';
import { validated } from '../../runtime/schema.ts';
import { encodeToBytes } from '../../runtime/wire/value.ts';
import { decodeValue } from '../../runtime/wire/value-decode.ts';
import { type Keeper, type Manifest, manifest as manifestSchema, type NameEntry } from './messages.ts';
import { objectBlocks } from './object-blocks.ts';
import { maxObjectBytes } from './object-file.ts';
import { blake3Of, pullObject } from './pull-blocks.ts';

/** A keeper, through a plain reference or one that is bound to an actor. */
export type AskableKeeper = { readonly ask: AskClient<typeof Keeper> };

/** A manifest as the bytes that its id is the BLAKE3 of. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return encodeToBytes(manifest, { maxBytes: maxObjectBytes });
}

/** INVALID_MESSAGE or FRAME_MALFORMED when the bytes are no manifest. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  return validated(manifestSchema, decodeValue(bytes), 'manifest');
}

export interface StoreManifestParts {
  readonly manifest: Manifest;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  /** The keepers that are to keep it. */
  readonly nodes: readonly string[];
  readonly keeperOf: (node: string) => AskableKeeper;
  /** How many of them must take it; all when absent. */
  readonly atLeast?: number;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface StoredManifest {
  readonly blake3: string;
  readonly bytes: number;
  /** The keepers that have it durably, in the order of the request. */
  readonly nodes: readonly string[];
  readonly failed: readonly { readonly node: string; readonly error: LoomError }[];
}

/** Stores a manifest as an object on several keepers. When too few take it, throws what the first of the others said. */
export async function storeManifest(parts: StoreManifestParts): Promise<StoredManifest> {
  const { manifest, bulk, checksum, keeperOf, signal } = parts;
  const encoded = encodeManifest(manifest);
  const blake3 = blake3Of(checksum, encoded);
  const from = bulk.offer({
    blocks: (fromBlock, pullSignal) =>
      objectBlocks(checksum, () => Promise.resolve(encoded), fromBlock, pullSignal),
  });
  const order = { from, blake3, bytes: encoded.length, owner: manifest.dataset };
  const options = {
    deadlineMs: parts.deadlineMs ?? defaultDeadlineMs,
    ...(signal === undefined ? {} : { signal }),
  };
  const nodes: string[] = [];
  const failed: { node: string; error: LoomError }[] = [];
  try {
    const asked = parts.nodes.map(async (node) => keeperOf(node).ask.keepObject(order, options));
    for (const [i, answer] of (await Promise.allSettled(asked)).entries()) {
      const node = parts.nodes[i] as string;
      if (answer.status === 'fulfilled') nodes.push(node);
      else failed.push({ node, error: LoomError.from(answer.reason) });
    }
  } finally {
    bulk.revoke(from.ticket);
  }
  const [first] = failed;
  if (first !== undefined && nodes.length < (parts.atLeast ?? parts.nodes.length)) {
    throw new LoomError(first.error.code, `${first.node} did not keep the manifest: ${first.error.message}`, {
      cause: first.error,
      details: { node: first.node, kept: nodes.length },
    });
  }
  return { blake3, bytes: encoded.length, nodes, failed };
}

export interface FetchManifestParts {
  readonly entry: Pick<NameEntry, 'dataset' | 'manifest' | 'manifestNodes'>;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  readonly keeperOf: (node: string) => AskableKeeper;
  /** Asked in this order after the nodes of the entry, for manifests that were moved. */
  readonly otherNodes?: readonly string[];
  readonly deadlineMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Fetches a manifest from the first keeper that gives bytes with its hash. NO_SUCH_DATASET for an entry without a
 * manifest, UNREADABLE with the reason of each keeper when none has it.
 */
export async function fetchManifest(parts: FetchManifestParts): Promise<Manifest> {
  const { entry, bulk, checksum, keeperOf, signal } = parts;
  const { manifest: blake3, dataset } = entry;
  if (blake3 === undefined) throw new LoomError('NO_SUCH_DATASET', `${dataset} has no manifest yet`);
  const options = { deadlineMs: parts.deadlineMs ?? defaultDeadlineMs, signal };
  const causes: string[] = [];
  for (const node of new Set([...(entry.manifestNodes ?? []), ...(parts.otherNodes ?? [])])) {
    try {
      const { from, bytes } = await keeperOf(node).ask.offerObject({ blake3 }, options);
      if (bytes > maxObjectBytes) throw new LoomError('CHECKSUM_MISMATCH', `${bytes} bytes are no object`);
      return decodeManifest(await pullObject(bulk, checksum, { from, bytes, blake3 }, signal));
    } catch (thrown) {
      if (signal.aborted) throw LoomError.from(signal.reason, 'CANCELLED');
      causes.push(`${node}: ${LoomError.from(thrown).message}`);
    }
  }
  throw new LoomError('UNREADABLE', `the manifest of ${dataset}: ${causes.join('; ') || 'no node has it'}`, {
    details: { dataset, manifest: blake3 },
  });
}

const defaultDeadlineMs = 30_000;

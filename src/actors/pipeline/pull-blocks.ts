import type { BulkAttachment, BulkBlock, BulkTicket } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';

/**
 * Gives each block under a ticket to `take`, one at a time, and answers what came. The pull has ended when this
 * settles, also when `take` threw.
 */
export async function pullBlocks(
  bulk: BulkAttachment,
  from: BulkTicket,
  signal: AbortSignal,
  take: (block: BulkBlock) => void | Promise<void>,
): Promise<{ readonly bytes: number; readonly blocks: number }> {
  const iterator = bulk.pull(from, 0, signal)[Symbol.asyncIterator]();
  let bytes = 0;
  let blocks = 0;
  try {
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
      await take(step.value);
      bytes += step.value.bytes.length;
      blocks++;
    }
  } finally {
    await iterator.return?.();
  }
  return { bytes, blocks };
}

/** Pulls an object of known length into memory. CHECKSUM_MISMATCH unless it is what its hash says. */
export async function pullObject(
  bulk: BulkAttachment,
  checksum: Checksum,
  object: { readonly from: BulkTicket; readonly bytes: number; readonly blake3: string },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { from, blake3 } = object;
  const whole = new Uint8Array(object.bytes);
  let at = 0;
  const { bytes } = await pullBlocks(bulk, from, signal, (block) => {
    if (at + block.bytes.length > whole.length)
      throw mismatch(blake3, `more than ${whole.length} bytes came`);
    whole.set(block.bytes, at);
    at += block.bytes.length;
  });
  if (bytes !== whole.length) throw mismatch(blake3, `${bytes} bytes came of ${whole.length}`);
  if (blake3Of(checksum, whole) !== blake3) throw mismatch(blake3, 'the bytes do not verify');
  return whole;
}

export function blake3Of(checksum: Checksum, bytes: Uint8Array): string {
  const hasher = checksum.blake3();
  hasher.update(bytes);
  return hasher.digestHex();
}

function mismatch(blake3: string, what: string): LoomError {
  return new LoomError('CHECKSUM_MISMATCH', `object ${blake3}: ${what}`, { details: { hash: blake3 } });
}

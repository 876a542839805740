import type { BulkBlock } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';

export const objectBlockBytes: number = 4 * 1024 * 1024;

/** The bytes of an object as blocks; views of them, no copies. */
export async function* objectBlocks(
  checksum: Checksum,
  read: () => Promise<Uint8Array>,
  fromBlock: number,
  signal: AbortSignal,
): AsyncGenerator<BulkBlock, undefined> {
  const whole = await read();
  for (let index = fromBlock; index * objectBlockBytes < whole.length; index++) {
    if (signal.aborted) throw LoomError.from(signal.reason, 'CANCELLED');
    const bytes = whole.subarray(index * objectBlockBytes, (index + 1) * objectBlockBytes);
    yield { index, bytes, crc32c: checksum.crc32c(bytes) };
  }
  return undefined;
}

import type { BulkBlock } from '../../../ports/bulk.ts';
import type { Checksum, Hasher } from '../../../ports/checksum.ts';
import { LoomError } from '../../../ports/loom-error.ts';

/** Names a transform in manifests: the same name and version give the same bytes. */
export interface TransformIdentity {
  readonly name: string;
  readonly version: string;
}

export const verifyTransform: TransformIdentity = Object.freeze({ name: 'verify', version: '1' });

/** validate_processed_data: checks each block's CRC32C, the order, count and length, and takes the chunk's BLAKE3. */
export class VerifyTransform {
  readonly #checksum: Checksum;
  readonly #hasher: Hasher;
  readonly #expectedBytes: number;
  #bytes = 0;
  #blocks = 0;

  constructor(checksum: Checksum, expectedBytes: number) {
    this.#checksum = checksum;
    this.#hasher = checksum.blake3();
    this.#expectedBytes = expectedBytes;
  }

  /** CHECKSUM_MISMATCH when the block is not what its sender had. */
  take(block: BulkBlock): void {
    if (block.index !== this.#blocks) throw mismatch(`block ${block.index} came in place of ${this.#blocks}`);
    if (this.#checksum.crc32c(block.bytes) !== block.crc32c)
      throw mismatch(`block ${block.index} fails its CRC32C`);
    this.#hasher.update(block.bytes);
    this.#bytes += block.bytes.length;
    this.#blocks++;
  }

  finish(): { readonly blake3: string; readonly bytes: number; readonly blocks: number } {
    if (this.#bytes !== this.#expectedBytes)
      throw mismatch(`${this.#bytes} bytes came of ${this.#expectedBytes}`);
    return { blake3: this.#hasher.digestHex(), bytes: this.#bytes, blocks: this.#blocks };
  }
}

function mismatch(detail: string): LoomError {
  return new LoomError('CHECKSUM_MISMATCH', detail);
}

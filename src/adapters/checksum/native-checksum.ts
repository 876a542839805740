import { Blake3Hasher } from '@napi-rs/blake-hash';
import { crc32c } from '@node-rs/crc32';
import type { Checksum, Hasher } from '../../ports/checksum.ts';

/** CRC32C and BLAKE3 by the prebuilt native packages; neither copies the bytes. */
export function nativeChecksum(): Checksum {
  return {
    crc32c: (bytes, seed) => crc32c(bytes, seed),
    blake3: nativeHasher,
  };
}

function nativeHasher(): Hasher {
  const hasher = new Blake3Hasher();
  return {
    update(bytes) {
      hasher.update(bytes);
    },
    digestHex: () => hasher.digest('hex'),
  };
}

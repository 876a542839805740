/**
 * Checksums of bytes at rest and in flight: CRC32C (RFC 3720, Castagnoli) per block, BLAKE3 per chunk.
 * Implementations are synchronous: a 4 MiB block costs under a millisecond for either.
 */
export interface Checksum {
  /** CRC32C as an unsigned 32-bit integer; `seed` continues a checksum over bytes that came before. */
  crc32c(bytes: Uint8Array, seed?: number): number;
  /** A fresh BLAKE3 hasher. */
  blake3(): Hasher;
}

export interface Hasher {
  update(bytes: Uint8Array): void;
  /** The 256-bit digest as 64 lower-case hex digits. The hasher must not be used afterwards. */
  digestHex(): string;
}

import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';

/**
 * The first 24 bytes of the store's files: magic (8), format version (u32), CRC32C of both (u32), CRC32C of what
 * follows in the header (u32), length of the header (u32). The first CRC lets an older Loom tell a newer format from
 * damage.
 */
export const fileHeadBytes = 24;
const versionCrcOffset = 12;
const headerCrcOffset = 16;
const lengthOffset = 20;

/** Completes a header whose other fields are in place; its length is that of `bytes`. */
export function writeFileHead(checksum: Checksum, bytes: Uint8Array, magic: string, version: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let i = 0; i < magic.length; i++) bytes[i] = magic.charCodeAt(i);
  view.setUint32(8, version);
  view.setUint32(versionCrcOffset, checksum.crc32c(bytes.subarray(0, versionCrcOffset)));
  view.setUint32(lengthOffset, bytes.length);
  view.setUint32(headerCrcOffset, checksum.crc32c(bytes.subarray(lengthOffset)));
}

/**
 * The length that a header claims, its magic and version verified; with `verifyBytes`, which is then that length, all
 * of it is. CHECKSUM_MISMATCH when something does not verify, DATA_VERSION when a newer Loom wrote it.
 */
export function checkFileHead(
  checksum: Checksum,
  bytes: Uint8Array,
  magic: string,
  supportedVersion: number,
  verifyBytes?: number,
): number {
  if (bytes.length < fileHeadBytes) throw mismatch('the header is cut');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const versionCrc = checksum.crc32c(bytes.subarray(0, versionCrcOffset));
  if (view.getUint32(versionCrcOffset) !== versionCrc) throw mismatch('the header does not verify');
  for (let i = 0; i < magic.length; i++) {
    if (bytes[i] !== magic.charCodeAt(i)) throw mismatch('the file is of another kind');
  }
  const version = view.getUint32(8);
  if (version > supportedVersion) {
    throw new LoomError(
      'DATA_VERSION',
      `a stored file has format ${version}, this Loom reads ${supportedVersion}`,
      {
        details: { version, supportedVersion },
      },
    );
  }
  const length = view.getUint32(lengthOffset);
  if (verifyBytes !== undefined) {
    if (length !== verifyBytes || bytes.length !== verifyBytes) throw mismatch('the header is cut');
    const headerCrc = checksum.crc32c(bytes.subarray(lengthOffset, verifyBytes));
    if (view.getUint32(headerCrcOffset) !== headerCrc) throw mismatch('the header does not verify');
  }
  return length;
}

function mismatch(what: string): LoomError {
  return new LoomError('CHECKSUM_MISMATCH', what);
}

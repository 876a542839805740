import type { Checksum } from '../../ports/checksum.ts';
import type { DiskFile } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { HeaderReader, HeaderWriter } from './chunk-file-fields.ts';
import { checkFileHead, fileHeadBytes, writeFileHead } from './chunk-file-head.ts';
import { checkInteger, checkText } from './chunk-header.ts';

/** Anonymous bytes under their hash: manifests, claim checks, attachments. */
export interface StoredObject {
  /** BLAKE3, 64 hex digits. */
  readonly hash: string;
  readonly bytes: number;
  /** Who keeps the object alive, sorted. */
  readonly owners: readonly string[];
  /** Wall time after which nobody needs it; 0 when there is none. */
  readonly expiresMs: number;
}

export interface ObjectMeta {
  /** At most 128 bytes of UTF-8. */
  readonly owner: string;
  /** Wall time in milliseconds; 0, the default, keeps the object until its owners are removed. */
  readonly expiresMs?: number;
}

/** An object's file: head, bytes (u53), expiry (u53), BLAKE3, owners, zeros up to 4 KiB, then the bytes. */
export const objectHeaderBytes = 4096;
export const maxObjectBytes: number = 64 * 1024 * 1024;
/** As many as fit in the header. */
export const maxObjectOwners = 30;
const maxOwnerBytes = 128;
const magic = 'LOOMOBJT';
const formatVersion = 1;

export function checkObjectMeta(meta: ObjectMeta): void {
  checkText('owner', meta.owner, maxOwnerBytes);
  checkInteger('expiresMs', meta.expiresMs ?? 0, 0, Number.MAX_SAFE_INTEGER);
}

export function encodeObjectHeader(checksum: Checksum, object: StoredObject): Uint8Array {
  const bytes = new Uint8Array(objectHeaderBytes);
  const fields = new HeaderWriter(bytes, fileHeadBytes);
  fields.u53(object.bytes);
  fields.u53(object.expiresMs);
  fields.hash(object.hash);
  fields.u32(object.owners.length);
  for (const owner of object.owners) fields.text(owner);
  writeFileHead(checksum, bytes, magic, formatVersion);
  return bytes;
}

/** What the header of an object's file says. CHECKSUM_MISMATCH, DATA_VERSION. */
export async function readObjectHeader(checksum: Checksum, file: DiskFile): Promise<StoredObject> {
  const bytes = new Uint8Array(objectHeaderBytes);
  const read = await file.read(bytes, 0);
  checkFileHead(checksum, bytes.subarray(0, read), magic, formatVersion, objectHeaderBytes);
  const fields = new HeaderReader(bytes, fileHeadBytes);
  const payloadBytes = fields.u53();
  const expiresMs = fields.u53();
  const hash = fields.hash();
  const owners = Array.from({ length: fields.u32() }, () => fields.text());
  if ((await file.stat()).bytes !== objectHeaderBytes + payloadBytes) {
    throw new LoomError('CHECKSUM_MISMATCH', 'the object’s file has another length than its header says');
  }
  return { hash, bytes: payloadBytes, owners, expiresMs };
}

/** Where an object lies below the store's root. */
export function objectPath(hash: string): string {
  return `${objectDirectory(hash)}/${objectFileName(hash)}`;
}

export function objectDirectory(hash: string): string {
  return `objects/${hash.slice(0, 2)}`;
}

export function objectFileName(hash: string): string {
  return `${hash}.object`;
}

/** The object once `meta` keeps it too. An object without expiry keeps having none. */
export function withOwner(object: StoredObject, meta: ObjectMeta): StoredObject {
  const owners = [...new Set([...object.owners, meta.owner])].sort();
  const expiresMs = meta.expiresMs ?? 0;
  const forEver = object.expiresMs === 0 || expiresMs === 0;
  return { ...object, owners, expiresMs: forEver ? 0 : Math.max(object.expiresMs, expiresMs) };
}

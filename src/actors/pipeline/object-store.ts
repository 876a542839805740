import type { Checksum } from '../../ports/checksum.ts';
import type { Disk } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { checkHash, checkInteger } from './chunk-header.ts';
import type { ChunkCatalogue } from './chunk-store-catalogue.ts';
import type { FilePlacer } from './file-placer.ts';
import {
  checkObjectMeta,
  encodeObjectHeader,
  maxObjectBytes,
  maxObjectOwners,
  type ObjectMeta,
  objectDirectory,
  objectFileName,
  objectHeaderBytes,
  objectPath,
  readObjectHeader,
  type StoredObject,
  withOwner,
} from './object-file.ts';

export interface ObjectStoring {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly placer: FilePlacer;
  readonly catalogue: ChunkCatalogue;
  readonly root: string;
}

/** The objects of a chunk store. Changes of one object happen one after another. */
export class ObjectStore {
  readonly #storing: ObjectStoring;
  readonly #objects: Map<string, StoredObject> = new Map();
  readonly #turns: Map<string, Promise<unknown>> = new Map();
  #bytes = 0;

  constructor(storing: ObjectStoring) {
    this.#storing = storing;
  }

  get bytes(): number {
    return this.#bytes;
  }

  list(): readonly StoredObject[] {
    return [...this.#objects.values()].sort((a, b) => (a.hash < b.hash ? -1 : 1));
  }

  has(hash: string): boolean {
    return this.#objects.has(hash);
  }

  /** Books an object that was found or written. */
  add(object: StoredObject): void {
    this.#forget(object.hash);
    this.#storing.catalogue.clearDamaged(objectPath(object.hash));
    this.#objects.set(object.hash, object);
    this.#bytes += objectHeaderBytes + object.bytes;
  }

  async put(bytes: Uint8Array, meta: ObjectMeta): Promise<StoredObject> {
    checkObjectMeta(meta);
    checkInteger('bytes', bytes.length, 0, maxObjectBytes);
    const hash = this.#hash(bytes);
    return this.#inTurn(hash, async () => {
      const known = this.#objects.get(hash);
      const fresh = { hash, bytes: bytes.length, owners: [meta.owner], expiresMs: meta.expiresMs ?? 0 };
      const object = known === undefined ? fresh : withOwner(known, meta);
      checkInteger('owners', object.owners.length, 1, maxObjectOwners);
      if (known !== undefined && sameObject(known, object)) {
        this.#storing.placer.checkRunning();
        return known;
      }
      await this.#write(object, bytes);
      return object;
    });
  }

  async get(hash: string): Promise<Uint8Array> {
    checkHash('hash', hash);
    if (!this.#objects.has(hash)) throw absent(hash);
    return this.#read(hash);
  }

  remove(hash: string, owner?: string): Promise<boolean> {
    checkHash('hash', hash);
    return this.#inTurn(hash, async () => {
      const known = this.#objects.get(hash);
      if (known === undefined) return this.#removeDamaged(hash);
      const owners = owner === undefined ? [] : known.owners.filter((each) => each !== owner);
      if (owners.length === known.owners.length) return false;
      if (owners.length > 0) await this.#write({ ...known, owners }, await this.#read(hash));
      else {
        await this.#removeFile(hash);
        this.#forget(hash);
      }
      return true;
    });
  }

  async #removeDamaged(hash: string): Promise<boolean> {
    const { catalogue } = this.#storing;
    if (!catalogue.hasDamaged(objectPath(hash))) return false;
    await this.#removeFile(hash);
    catalogue.clearDamaged(objectPath(hash));
    return true;
  }

  #removeFile(hash: string): Promise<void> {
    return this.#storing.placer.remove(
      `${this.#storing.root}/${objectDirectory(hash)}`,
      objectFileName(hash),
    );
  }

  async #write(object: StoredObject, bytes: Uint8Array): Promise<void> {
    const { placer, checksum, root } = this.#storing;
    const part = await placer.newPart();
    try {
      await part.file.write(encodeObjectHeader(checksum, object), 0);
      await part.file.write(bytes, objectHeaderBytes);
      await placer.place(part, `${root}/${objectDirectory(object.hash)}`, objectFileName(object.hash));
    } catch (thrown) {
      await placer.abandon(part);
      throw thrown;
    }
    this.add(object);
  }

  async #read(hash: string): Promise<Uint8Array> {
    const { disk, checksum, root, catalogue } = this.#storing;
    const file = await disk.open(`${root}/${objectPath(hash)}`, 'read');
    try {
      const object = await readObjectHeader(checksum, file);
      const bytes = new Uint8Array(object.bytes);
      const read = await file.read(bytes, objectHeaderBytes);
      if (read === bytes.length && object.hash === hash && this.#hash(bytes) === hash) return bytes;
      throw new LoomError('CHECKSUM_MISMATCH', `object ${hash} does not verify`, { details: { hash } });
    } catch (thrown) {
      if (thrown instanceof LoomError && thrown.code === 'CHECKSUM_MISMATCH') {
        // The damaged file no longer counts, so that putting the object again writes it anew.
        this.#forget(hash);
        catalogue.addDamaged({ path: objectPath(hash), reason: thrown.message });
      }
      throw thrown;
    } finally {
      await file.close();
    }
  }

  #hash(bytes: Uint8Array): string {
    const hasher = this.#storing.checksum.blake3();
    hasher.update(bytes);
    return hasher.digestHex();
  }

  #forget(hash: string): void {
    const known = this.#objects.get(hash);
    if (known === undefined) return;
    this.#objects.delete(hash);
    this.#bytes -= objectHeaderBytes + known.bytes;
  }

  async #inTurn<T>(hash: string, run: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(hash) ?? Promise.resolve();
    // A failure before is its own caller's to hear.
    const turn = before.then(run, run);
    this.#turns.set(hash, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(hash) === turn) this.#turns.delete(hash);
    }
  }
}

function sameObject(a: StoredObject, b: StoredObject): boolean {
  return a.expiresMs === b.expiresMs && a.owners.length === b.owners.length;
}

function absent(hash: string): LoomError {
  return new LoomError('CHUNK_NOT_FOUND', `there is no object ${hash}`, { details: { hash } });
}

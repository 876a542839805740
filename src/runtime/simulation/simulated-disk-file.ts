import type { SeededRandom } from './seeded-random.ts';
import type { DiskFaults } from './simulated-disk-faults.ts';
import { DiskImage } from './simulated-disk-image.ts';

/**
 * A file on a simulated disk: what readers see, what power loss leaves, and the operations that lie between the two.
 *
 * F1. `sync` makes durable exactly the operations that had ended when it began.
 * F2. After a failed sync those operations stay visible and never become durable, as Linux marks the pages clean.
 * F3. Power loss keeps, drops or tears each pending operation by itself. A torn write leaves a prefix, some of its
 *     512-byte sectors, or its length with zeros.
 */
export class SimulatedFile {
  readonly kind: 'file' = 'file';
  readonly inode: number;
  modifiedMs = 0;
  readonly #visible: DiskImage = new DiskImage();
  readonly #durable: DiskImage = new DiskImage();
  #pending: PendingOperation[] = [];
  #ended = 0;
  #lostAny = false;

  constructor(inode: number) {
    this.inode = inode;
  }

  get bytes(): number {
    return this.#visible.bytes;
  }

  /** Names the operations that have ended so far, for `sync` and `loseUnsynced`. */
  get mark(): number {
    return this.#ended;
  }

  read(into: Uint8Array, position: number): number {
    return this.#visible.read(into, position);
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.#visible.write(bytes, position, this.#durable);
    this.#pending.push({ kind: 'write', position, bytes: bytes.slice(), order: this.#ended++ });
  }

  truncate(bytes: number): void {
    this.#visible.truncate(bytes, this.#durable);
    this.#pending.push({ kind: 'truncate', bytes, order: this.#ended++ });
  }

  sync(mark: number): void {
    if (mark === this.#ended && !this.#lostAny) {
      if (this.#pending.length > 0) this.#durable.adopt(this.#visible);
      this.#pending.length = 0;
      return;
    }
    for (const operation of this.#takePending(mark)) this.#harden(operation);
  }

  loseUnsynced(mark: number): void {
    if (this.#takePending(mark).length > 0) this.#lostAny = true;
  }

  /** A write that a crash of the process cut short: any part of it may have reached the file. */
  tearIn(bytes: Uint8Array, position: number, random: SeededRandom): void {
    for (const piece of tear(bytes, position, random)) this.write(piece.bytes, piece.position);
  }

  losePower(random: SeededRandom, faults: DiskFaults): void {
    for (const operation of this.#pending) {
      const fate = random.below(3);
      if (fate === 0) faults.count('lost-write');
      else if (fate === 1) this.#harden(operation);
      else if (operation.kind === 'write') {
        faults.count('torn-write');
        for (const piece of tear(operation.bytes, operation.position, random)) {
          this.#durable.write(piece.bytes, piece.position, this.#visible);
        }
      }
    }
    this.#pending = [];
    this.#lostAny = false;
    this.#visible.adopt(this.#durable);
  }

  /** A bit changes on the medium. Bits past the end are ignored. */
  flip(bit: number): void {
    this.#visible.flip(bit, this.#durable);
    this.#durable.flip(bit, this.#visible);
  }

  #harden(operation: PendingOperation): void {
    if (operation.kind === 'write') this.#durable.write(operation.bytes, operation.position, this.#visible);
    else this.#durable.truncate(operation.bytes, this.#visible);
  }

  #takePending(mark: number): PendingOperation[] {
    const taken = this.#pending.filter((operation) => operation.order < mark);
    this.#pending = this.#pending.filter((operation) => operation.order >= mark);
    return taken;
  }
}

type PendingOperation =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array; readonly order: number }
  | { readonly kind: 'truncate'; readonly bytes: number; readonly order: number };

interface Piece {
  readonly position: number;
  readonly bytes: Uint8Array;
}

const sectorBytes = 512;

function tear(bytes: Uint8Array, position: number, random: SeededRandom): Piece[] {
  const way = random.below(5);
  if (way === 0) return [{ position, bytes: new Uint8Array(bytes.length) }];
  if (way <= 2) return [{ position, bytes: bytes.subarray(0, random.below(bytes.length + 1)) }];
  const pieces: Piece[] = [];
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(sectorBytes - ((position + done) % sectorBytes), bytes.length - done);
    if (random.chance(0.5))
      pieces.push({ position: position + done, bytes: bytes.subarray(done, done + length) });
    done += length;
  }
  return pieces;
}

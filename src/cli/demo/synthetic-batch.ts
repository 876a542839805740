import { open } from 'node:fs/promises';
import { diskError } from '../../adapters/disk/errors.ts';
import type { Checksum } from '../../ports/checksum.ts';

/** Bytes of one record with its line feed. All have the same length, so that a block is filled in place. */
export const recordBytes = 128;

const recordsPerBlock = 32_768;
const blockBytes = recordsPerBlock * recordBytes;
const featureCount = 12;
const idDigits = 10;
const template = `{"id":"r${'0'.repeat(idDigits)}","features":[${'0.0000,'.repeat(featureCount).slice(0, -1)}],"label":0}\n`;
const idAt = template.indexOf('r0') + 1;
const firstFeatureAt = template.indexOf('[0.') + 3;
const featureStep = 7;
const labelAt = template.indexOf('"label":') + 8;
const zero = 0x30;
const lineFeed = 0x0a;
const blank = 0x20;

export interface BatchOptions {
  readonly seed: number;
  readonly checksum: Checksum;
  readonly signal: AbortSignal;
  readonly progress: (bytes: number) => void;
}

/**
 * Writes `bytes` bytes of training data as JSON lines, `{"id","features":[12 floats],"label"}`: the same for the same
 * seed on every machine. The last record is padded with blanks. Answers the BLAKE3 of the file.
 */
export async function writeSyntheticBatch(
  path: string,
  bytes: number,
  options: BatchOptions,
): Promise<string> {
  const { checksum, signal, progress } = options;
  const hasher = checksum.blake3();
  const records = new RecordWriter(options.seed);
  const file = await open(path, 'wx', 0o600).catch((thrown: unknown) => {
    throw diskError(thrown, path);
  });
  try {
    // Two blocks: one is filled while the other is written.
    const blocks = [newBlock(), newBlock()] as const;
    let writing: Promise<unknown> = Promise.resolve();
    for (let done = 0, turn = 0; done < bytes; turn ^= 1) {
      signal.throwIfAborted();
      const { block, view } = blocks[turn === 0 ? 0 : 1];
      const left = bytes - done;
      const whole = Math.min(recordsPerBlock, Math.floor(left / recordBytes));
      for (let record = 0; record < whole; record++) records.fill(view, record * recordBytes);
      let filled = block.subarray(0, whole * recordBytes);
      const rest = left - filled.length;
      if (rest > 0 && rest < recordBytes) filled = padded(filled, rest);
      hasher.update(filled);
      await writing;
      const at = done;
      writing = file.write(filled, 0, filled.length, at);
      done += filled.length;
      progress(done);
    }
    await writing;
  } catch (thrown) {
    throw diskError(thrown, path);
  } finally {
    await file.close();
  }
  return hasher.digestHex();
}

function newBlock(): { readonly block: Buffer; readonly view: DataView } {
  const block = Buffer.alloc(blockBytes, template);
  return { block, view: new DataView(block.buffer, block.byteOffset, block.length) };
}

/** The records with `extra` blanks before the last line feed. */
function padded(records: Uint8Array, extra: number): Buffer {
  const longer = Buffer.alloc(records.length + extra, blank);
  longer.set(records);
  longer[records.length - 1] = blank;
  longer[longer.length - 1] = lineFeed;
  return longer;
}

/** 0 to 9999 as four digits in ASCII, big-endian, so that four digits are one store. */
const fourDigits = Uint32Array.from({ length: 10_000 }, (_, value) =>
  Buffer.from(String(value).padStart(4, '0')).readUInt32BE(),
);

/** Fills copies of the template with ids that count and digits of a seeded generator (xorshift32). */
class RecordWriter {
  #state: number;
  #nextId = 0;

  constructor(seed: number) {
    // The generator stands still at zero.
    this.#state = seed | 0 || 1;
  }

  fill(block: DataView, at: number): void {
    const id = this.#nextId++;
    block.setUint16(at + idAt, (fourDigits[Math.floor(id / 100_000_000) % 100] ?? 0) & 0xffff);
    block.setUint32(at + idAt + 2, fourDigits[Math.floor(id / 10_000) % 10_000] ?? 0);
    block.setUint32(at + idAt + 6, fourDigits[id % 10_000] ?? 0);
    let state = this.#state;
    for (let feature = 0; feature < featureCount; feature++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const digits = fourDigits[(state >>> 0) % 10_000] ?? 0;
      block.setUint32(at + firstFeatureAt + feature * featureStep, digits);
    }
    block.setUint8(at + labelAt, zero + ((state >>> 8) % 10));
    this.#state = state;
  }
}

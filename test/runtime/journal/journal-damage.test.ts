import { describe, expect, it } from 'vitest';
import type { LoomError } from '../../../src/ports/loom-error.ts';
import { encodeSegmentHeader, segmentHeaderBytes } from '../../../src/runtime/journal/segment-format.ts';
import {
  checksum,
  directory,
  open,
  payload,
  readAll,
  replace,
  segmentNames,
  simulatedDisk,
  texts,
} from './journal-fixture.ts';

const written = ['one', 'two', 'three', 'four', 'five', 'six'];

/** What opening the damaged segment gives: its texts, or the code with which it was refused. */
async function openDamaged(name: string, bytes: Uint8Array): Promise<string[] | string> {
  const disk = simulatedDisk(1).mount();
  await disk.makeDirectory(directory);
  await replace(disk, `${directory}/${name}`, bytes);
  try {
    return texts((await open(disk)).records);
  } catch (thrown) {
    return (thrown as LoomError).code;
  }
}

/** A segment whose records each lie in a batch of their own, of which the first `sealed` ones are sealed. */
async function segment(sealed: number): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  const disk = simulatedDisk(1).mount();
  let { journal } = await open(disk);
  for (const text of written.slice(0, sealed)) await journal.append(1, 1, payload(text));
  await journal.close();
  ({ journal } = await open(disk));
  for (const text of written.slice(sealed)) await journal.append(1, 1, payload(text));
  const name = (await segmentNames(disk))[0] as string;
  return { name, bytes: await readAll(disk, `${directory}/${name}`) };
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
  return flipped;
}

describe('a torn tail (J3)', () => {
  it('is cut at every byte behind the seal, and refused before it', async () => {
    const { name, bytes } = await segment(3);
    const sealedEnd = segmentHeaderBytes + 28 + 3 * 28 + 'onetwothree'.length;
    const ends = new Map<number, number>([[sealedEnd, 3]]);
    let end = sealedEnd;
    for (const [i, text] of written.entries()) {
      if (i < 3) continue;
      end += 28 + 28 + text.length;
      ends.set(end, i + 1);
    }
    expect(end).toBe(bytes.length);
    let whole = 3;
    for (let cut = 0; cut <= bytes.length; cut++) {
      whole = ends.get(cut) ?? whole;
      const expected = cut < sealedEnd ? 'JOURNAL_CORRUPT' : written.slice(0, whole);
      expect(await openDamaged(name, bytes.subarray(0, cut)), `cut at ${cut}`).toEqual(expected);
    }
  });

  it('is cut when its first sectors are lost and later ones are there', async () => {
    // One batch of many records, torn so that only its end reached the disk.
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk);
    await journal.append(1, 1, payload('kept'));
    const start = journal.bytes;
    await Promise.all(Array.from({ length: 100 }, (_, i) => journal.append(1, 1, payload(`grouped ${i}`))));
    const name = (await segmentNames(disk))[0] as string;
    const bytes = await readAll(disk, `${directory}/${name}`);
    for (let lost = start; lost < bytes.length; lost += 97) {
      const torn = bytes.slice();
      torn.fill(0, start, lost);
      const expected = lost === start ? 101 : 1;
      expect((await openDamaged(name, torn)).length, `zeros up to ${lost}`).toBe(expected);
    }
  });

  it('is cut though a record holds the bytes of a journal', async () => {
    const { bytes: inner } = await segment(0);
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk);
    await journal.append(1, 1, inner);
    const name = (await segmentNames(disk))[0] as string;
    const bytes = await readAll(disk, `${directory}/${name}`);
    expect(await openDamaged(name, flip(bytes, 8 * (segmentHeaderBytes + 40)))).toEqual([]);
  });
});

describe('flipped bits', () => {
  it('anywhere never give a wrong record', async () => {
    const { name, bytes } = await segment(3);
    const lastBatch = bytes.length - (28 + 28 + 'six'.length);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const found = await openDamaged(name, flip(bytes, bit));
      if (bit >= lastBatch * 8) expect(found, `bit ${bit}`).toEqual(written.slice(0, 5));
      else expect(found, `bit ${bit}`).toBe('JOURNAL_CORRUPT');
    }
  });

  it('in sealed bytes are refused though nothing follows them (J2)', async () => {
    const { name, bytes } = await segment(6);
    for (let bit = segmentHeaderBytes * 8; bit < bytes.length * 8; bit += 5) {
      expect(await openDamaged(name, flip(bytes, bit)), `bit ${bit}`).toBe('JOURNAL_CORRUPT');
    }
  });

  it('in a segment that is not the last are refused, to its last byte', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk, { maxSegmentBytes: 150 });
    for (let i = 0; i < 4; i++) await journal.append(1, 1, payload('x'.repeat(60)));
    await journal.close();
    const path = `${directory}/${(await segmentNames(disk))[0]}`;
    const bytes = await readAll(disk, path);
    await replace(disk, path, flip(bytes, bytes.length * 8 - 1));
    await expect(open(disk)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT', details: { path } });
  });
});

describe('folders of other versions', () => {
  it('refuses a newer format with the versions in its details', async () => {
    const { name, bytes } = await segment(0);
    const newer = bytes.slice();
    const view = new DataView(newer.buffer);
    view.setUint32(8, 2);
    view.setUint32(12, checksum.crc32c(newer.subarray(0, 12)));
    expect(await openDamaged(name, newer)).toBe('DATA_VERSION');
  });

  it('refuses a segment under another one’s name', async () => {
    const { bytes } = await segment(0);
    expect(await openDamaged('00000009.journal', bytes)).toBe('JOURNAL_CORRUPT');
  });

  it('refuses headers that make no sense', async () => {
    const header = {
      number: 3,
      replacesFrom: 4,
      sealedBytes: 0,
      baseSequence: 0,
      durability: 'power-safe',
    } as const;
    expect(await openDamaged('00000003.journal', encodeSegmentHeader(checksum, header))).toBe(
      'JOURNAL_CORRUPT',
    );
    const gap = encodeSegmentHeader(checksum, { ...header, replacesFrom: 3 });
    expect(await openDamaged('00000003.journal', gap)).toBe('JOURNAL_CORRUPT');
  });

  it('leaves files that are not its own alone', async () => {
    const disk = simulatedDisk(1).mount();
    await disk.makeDirectory(directory);
    await replace(disk, `${directory}/notes.txt`, payload('mine'));
    await replace(disk, `${directory}/00000004.journal.part`, payload('a leftover'));
    const { journal } = await open(disk);
    await journal.close();
    expect(await segmentNames(disk)).toEqual(['00000001.journal', 'notes.txt']);
  });
});

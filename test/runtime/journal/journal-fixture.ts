import { nativeChecksum } from '../../../src/adapters/checksum/native-checksum.ts';
import type { Disk } from '../../../src/ports/disk.ts';
import type { Journal, JournalOptions } from '../../../src/runtime/journal/journal.ts';
import { openJournal } from '../../../src/runtime/journal/open-journal.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';

export const directory = '/data/journal';
export const checksum = nativeChecksum();

export function simulatedDisk(seed: number): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed) });
}

export const payload = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface Replayed {
  readonly type: number;
  readonly token: number;
  readonly sequence: number;
  readonly text: string;
}

export interface Opened {
  readonly journal: Journal;
  readonly records: Replayed[];
}

/** Opens a journal and keeps what it replays. */
export async function open(disk: Disk, options: Partial<JournalOptions> = {}): Promise<Opened> {
  const records: Replayed[] = [];
  const journal = await openJournal(
    { disk, checksum, directory, durability: 'power-safe', ...options },
    ({ type, token, sequence, body }) => {
      records.push({ type, token, sequence, text: new TextDecoder().decode(body) });
    },
  );
  return { journal, records };
}

export const texts = (records: readonly Replayed[]): string[] => records.map(({ text }) => text);

/** The bytes of a file, and a way to put others in their place. */
export async function readAll(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, 'read');
  const bytes = new Uint8Array((await file.stat()).bytes);
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

export async function replace(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, 'write');
  await file.truncate(0);
  await file.write(bytes, 0);
  await file.close();
}

export async function segmentNames(disk: Disk): Promise<string[]> {
  return (await disk.list(directory)).map(({ name }) => name);
}

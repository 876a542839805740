import { expect, it } from 'vitest';
import { DirectorySync } from '../../../src/actors/pipeline/directory-sync.ts';
import type { Disk } from '../../../src/ports/disk.ts';
import { simulatedDisk } from './chunk-store-fixture.ts';

/** A disk whose folder syncs end when the test says so. */
function heldDisk(): { disk: Disk; started: string[]; end(error?: Error): Promise<void> } {
  const started: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const disk = simulatedDisk().mount();
  disk.syncDirectory = (path) => {
    started.push(path);
    return new Promise((resolve, reject) => {
      ends.push((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  };
  return {
    disk,
    started,
    async end(error) {
      ends.shift()?.(error);
      for (let i = 0; i < 10; i++) await Promise.resolve();
    },
  };
}

it('shares one sync that begins after all who wait for it have asked', async () => {
  const { disk, started, end } = heldDisk();
  const syncs = new DirectorySync(disk);
  const done: string[] = [];
  const ask = (name: string): Promise<void> =>
    syncs.sync('/a').then(() => {
      done.push(name);
    });
  const asked = [ask('first'), ask('second'), ask('third')];
  expect(started).toEqual(['/a']);
  await end();
  expect(done).toEqual(['first']);
  expect(started).toEqual(['/a', '/a']);
  asked.push(ask('fourth'));
  await end();
  expect(done).toEqual(['first', 'second', 'third']);
  expect(started).toEqual(['/a', '/a', '/a']);
  await end();
  await Promise.all(asked);
  const alone = syncs.sync('/a');
  expect(started.length).toBe(4);
  await end();
  await alone;
});

it('syncs different folders at once', () => {
  const { disk, started } = heldDisk();
  const syncs = new DirectorySync(disk);
  void syncs.sync('/a');
  void syncs.sync('/b');
  expect(started).toEqual(['/a', '/b']);
});

it('does not try again for those who waited behind a failure', async () => {
  const { disk, started, end } = heldDisk();
  const syncs = new DirectorySync(disk);
  const outcomes = Promise.allSettled([syncs.sync('/a'), syncs.sync('/a'), syncs.sync('/a')]);
  await end(new Error('failed'));
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(started).toEqual(['/a']);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../../src/adapters/disk/node-disk.ts';
import { VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';
import {
  directory,
  open,
  payload,
  readAll,
  replace,
  segmentNames,
  simulatedDisk,
  texts,
} from './journal-fixture.ts';

describe('append and replay', () => {
  it('replays what was appended, in order, with type, token and sequence', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal, records } = await open(disk);
    expect(records).toEqual([]);
    expect(journal.lastSequence).toBe(0);
    expect(await journal.append(7, 2 ** 40 + 3, payload('first'))).toBe(1);
    expect(await journal.append(0xffff_ffff, 0, payload(''))).toBe(2);
    expect(journal.lastSequence).toBe(2);
    await journal.close();
    const again = await open(disk);
    expect(again.records).toEqual([
      { type: 7, token: 2 ** 40 + 3, sequence: 1, text: 'first' },
      { type: 0xffff_ffff, token: 0, sequence: 2, text: '' },
    ]);
    expect(await again.journal.append(1, 1, payload('third'))).toBe(3);
  });

  it('copies the body before append returns', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk);
    const body = payload('before');
    const appended = journal.append(1, 1, body);
    body.fill(0);
    await appended;
    expect(texts((await open(disk)).records)).toEqual(['before']);
  });

  it('shares one sync between the appends that wait for it (group commit)', async () => {
    const simulated = simulatedDisk(1);
    const { journal } = await open(simulated.mount());
    const before = simulated.faults.calls;
    await Promise.all(Array.from({ length: 100 }, (_, i) => journal.append(1, i, payload(`${i}`))));
    expect(simulated.faults.calls - before).toBe(2);
    const first = journal.append(1, 1, payload('a'));
    await Promise.resolve();
    await Promise.resolve();
    const rest = Promise.all(Array.from({ length: 50 }, () => journal.append(1, 1, payload('b'))));
    await first;
    await rest;
    expect(simulated.faults.calls - before).toBe(6);
  });

  it('gathers a whole pass of the event loop when it has a clock', async () => {
    const time = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
    const clock = time.process();
    const simulated = simulatedDisk(1);
    const opening = open(simulated.mount(clock), { clock });
    await time.run(1);
    const { journal } = await opening;
    const before = simulated.faults.calls;
    const sequences: Promise<number>[] = [];
    for (let i = 0; i < 3; i++) clock.later(() => sequences.push(journal.append(1, i, payload('x'))));
    await time.run(2);
    expect(await Promise.all(sequences)).toEqual([1, 2, 3]);
    // The first event starts the loop behind the other two.
    expect(simulated.faults.calls - before).toBe(2);
  });

  it('resolves only what power loss leaves (J1)', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const simulated = simulatedDisk(seed);
      const { journal } = await open(simulated.mount());
      await journal.append(1, 1, payload('kept'));
      simulated.powerLoss();
      expect(texts((await open(simulated.mount())).records)).toEqual(['kept']);
    }
  });

  it('survives the end of the process without syncs under process-crash-safe', async () => {
    const simulated = simulatedDisk(1);
    const options = { durability: 'process-crash-safe' } as const;
    const { journal } = await open(simulated.mount(), options);
    simulated.faults.failSync(1);
    simulated.faults.failSync(1, 'syncDirectory');
    await journal.append(1, 1, payload('kept'));
    await journal.compact([{ type: 1, token: 1, body: payload('snapshot') }]);
    simulated.processCrash();
    expect(texts((await open(simulated.mount(), options)).records)).toEqual(['snapshot']);
    expect(simulated.faults.counts['failed-sync']).toBeUndefined();
  });

  it('makes durable what a weaker journal wrote when it is opened power-safe', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const simulated = simulatedDisk(seed);
      const weak = await open(simulated.mount(), { durability: 'process-crash-safe', maxSegmentBytes: 200 });
      for (let i = 0; i < 8; i++) await weak.journal.append(1, 1, payload(`record ${i} of this journal`));
      await weak.journal.close();
      await open(simulated.mount());
      simulated.powerLoss();
      expect((await open(simulated.mount())).records.length).toBe(8);
    }
  });

  it('keeps nothing under memory', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk, { durability: 'memory' });
    expect(await journal.append(1, 1, payload('x'))).toBe(1);
    await journal.compact([]);
    expect(journal.bytes).toBe(0);
    expect(journal.lastSequence).toBe(1);
    await journal.close();
    await expect(journal.append(1, 1, payload('x'))).rejects.toMatchObject({ code: 'DISK_CLOSED' });
    expect(await disk.stat(directory)).toBeUndefined();
  });
});

describe('limits', () => {
  it('refuses records that do not fit, without harm', async () => {
    const { journal } = await open(simulatedDisk(1).mount(), { maxRecordBytes: 4 });
    for (const refused of [
      journal.append(1, 1, payload('12345')),
      journal.append(-1, 1, payload('')),
      journal.append(2 ** 32, 1, payload('')),
      journal.append(1, 0.5, payload('')),
      journal.append(1, -1, payload('')),
      journal.compact([{ type: 1, token: 1, body: payload('12345') }]),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'JOURNAL_LIMIT' });
    }
    expect(await journal.append(1, 1, payload('1234'))).toBe(1);
  });

  it('refuses appends while too much waits, and takes them again afterwards', async () => {
    const { journal } = await open(simulatedDisk(1).mount(), { maxPendingBytes: 100 });
    const taken = [journal.append(1, 1, payload('x'.repeat(30))), journal.append(1, 1, payload('x'))];
    await expect(journal.append(1, 1, payload('x'.repeat(30)))).rejects.toMatchObject({
      code: 'JOURNAL_FULL',
      retryable: true,
    });
    await Promise.all(taken);
    expect(await journal.append(1, 1, payload('x'.repeat(60)))).toBe(3);
    expect(await journal.append(1, 1, payload('x'.repeat(200)))).toBe(4);
  });

  it('waits for what is under way at close, and refuses the rest', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk);
    const appended = journal.append(1, 1, payload('in time'));
    const closed = journal.close();
    await expect(journal.append(1, 1, payload('late'))).rejects.toMatchObject({ code: 'DISK_CLOSED' });
    await expect(journal.compact([])).rejects.toMatchObject({ code: 'DISK_CLOSED' });
    await closed;
    await journal.close();
    expect(await appended).toBe(1);
    expect(texts((await open(disk)).records)).toEqual(['in time']);
  });
});

describe('segments and compaction', () => {
  it('goes on in a new segment when one is full', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk, { maxSegmentBytes: 300 });
    const written = Array.from({ length: 20 }, (_, i) => `record number ${i}`);
    for (const text of written) await journal.append(1, 1, payload(text));
    expect((await segmentNames(disk)).length).toBeGreaterThan(3);
    let bytes = 0;
    for (const name of await segmentNames(disk))
      bytes += (await readAll(disk, `${directory}/${name}`)).length;
    expect(journal.bytes).toBe(bytes);
    await journal.close();
    const again = await open(disk);
    expect(texts(again.records)).toEqual(written);
    expect(again.records.map(({ sequence }) => sequence)).toEqual(written.map((_, i) => i + 1));
  });

  it('refuses a folder from which a segment or the end of one is missing', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk, { maxSegmentBytes: 100 });
    for (let i = 0; i < 4; i++) await journal.append(1, 1, payload('x'.repeat(60)));
    await journal.close();
    const path = `${directory}/${(await segmentNames(disk))[1]}`;
    const whole = await readAll(disk, path);
    await replace(disk, path, whole.subarray(0, 64));
    await expect(open(disk)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    await disk.remove(path);
    await expect(open(disk)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    await replace(disk, path, whole);
    expect((await open(disk)).records.length).toBe(4);
  });

  it('replaces all segments by the snapshot and keeps sequences growing', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk, { maxSegmentBytes: 200 });
    for (let i = 0; i < 10; i++) await journal.append(1, i, payload(`record number ${i}`));
    const before = journal.bytes;
    await journal.compact([
      { type: 9, token: 5, body: payload('all') },
      { type: 9, token: 6, body: payload('of it') },
    ]);
    expect(journal.bytes).toBeLessThan(before);
    expect(await segmentNames(disk)).toHaveLength(1);
    expect(await journal.append(1, 11, payload('later'))).toBe(11);
    await journal.close();
    for (let opens = 0; opens < 3; opens++) {
      const again = await open(disk);
      expect(again.records).toEqual([
        { type: 9, token: 5, sequence: 10, text: 'all' },
        { type: 9, token: 6, sequence: 10, text: 'of it' },
        { type: 1, token: 11, sequence: 11, text: 'later' },
      ]);
      expect(again.journal.lastSequence).toBe(11);
      await again.journal.close();
    }
  });

  it('keeps the last sequence through an empty snapshot', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk);
    await journal.append(1, 1, payload('x'));
    await journal.compact([]);
    await journal.close();
    const again = await open(disk);
    expect(again.records).toEqual([]);
    expect(await again.journal.append(1, 1, payload('y'))).toBe(2);
  });

  it('keeps appends that are under way when the snapshot is taken, and later ones', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk);
    await journal.append(1, 1, payload('in the snapshot'));
    const writing = journal.append(1, 1, payload('being written'));
    await Promise.resolve();
    await Promise.resolve();
    const compacted = journal.compact([{ type: 2, token: 1, body: payload('snapshot') }]);
    const twice = journal.compact([{ type: 2, token: 1, body: payload('snapshot again') }]);
    const gathered = journal.append(1, 1, payload('gathered'));
    await Promise.all([writing, compacted, twice, gathered]);
    await journal.append(1, 1, payload('after'));
    await journal.close();
    const { records } = await open(disk);
    expect(texts(records)).toEqual(['snapshot again', 'being written', 'gathered', 'after']);
    expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  it('keeps what the snapshot does not hold, over several segments', async () => {
    const disk = simulatedDisk(1).mount();
    const { journal } = await open(disk, { maxSegmentBytes: 200 });
    const written = Array.from({ length: 12 }, (_, i) => `record number ${i}`);
    for (const text of written) await journal.append(1, 1, payload(text));
    await journal.compact([{ type: 2, token: 1, body: payload('first five') }], 5);
    for (const outside of [4, 13]) {
      await expect(journal.compact([], outside)).rejects.toMatchObject({ code: 'JOURNAL_LIMIT' });
    }
    await journal.append(1, 1, payload('later'));
    await journal.close();
    const again = await open(disk);
    expect(texts(again.records)).toEqual(['first five', ...written.slice(5), 'later']);
    await expect(again.journal.compact([], 4)).rejects.toMatchObject({ code: 'JOURNAL_LIMIT' });
    await again.journal.compact([], 13);
    expect(again.journal.lastSequence).toBe(13);
  });

  it('goes on after a compaction for which the disk was too full', async () => {
    const simulated = simulatedDisk(1);
    const disk = simulated.mount();
    const { journal } = await open(disk);
    await journal.append(1, 1, payload('x'));
    simulated.capacityBytes = simulated.usedBytes + 100;
    await expect(
      journal.compact([{ type: 1, token: 1, body: payload('x'.repeat(1000)) }]),
    ).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await segmentNames(disk)).toHaveLength(1);
    simulated.capacityBytes = 1e9;
    await journal.append(1, 1, payload('y'));
    await journal.close();
    expect(texts((await open(disk)).records)).toEqual(['x', 'y']);
  });
});

describe('a disk that fails (J6)', () => {
  it('stops at the first failed sync, for ever, and does not sync again', async () => {
    const simulated = simulatedDisk(1);
    const { journal } = await open(simulated.mount());
    await journal.append(1, 1, payload('kept'));
    simulated.faults.failSync();
    const failed = [journal.append(1, 1, payload('a')), journal.append(1, 1, payload('b'))];
    for (const each of await Promise.allSettled(failed)) {
      expect(each).toMatchObject({ reason: { code: 'JOURNAL_STOPPED', details: { reason: 'DISK_IO' } } });
    }
    const calls = simulated.faults.calls;
    await expect(journal.append(1, 1, payload('c'))).rejects.toMatchObject({ code: 'JOURNAL_STOPPED' });
    await expect(journal.compact([])).rejects.toMatchObject({ code: 'JOURNAL_STOPPED' });
    await journal.close();
    expect(simulated.faults.calls).toBe(calls);
    simulated.powerLoss();
    expect(texts((await open(simulated.mount())).records)).toEqual(['kept']);
  });

  it('keeps what it replayed though the sync that should have kept it failed before (J4)', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const simulated = simulatedDisk(seed);
      const { journal } = await open(simulated.mount());
      await journal.append(1, 1, payload('kept'));
      simulated.faults.failSync();
      await expect(journal.append(1, 1, payload('seen'))).rejects.toMatchObject({ code: 'JOURNAL_STOPPED' });
      simulated.processCrash();
      const again = await open(simulated.mount());
      expect(texts(again.records)).toEqual(['kept', 'seen']);
      await again.journal.append(1, 1, payload('later'));
      simulated.powerLoss();
      expect(texts((await open(simulated.mount())).records)).toEqual(['kept', 'seen', 'later']);
    }
  });

  it('stops on a full disk and opens again once space is freed', async () => {
    const simulated = simulatedDisk(1);
    const disk = simulated.mount();
    const { journal } = await open(disk);
    await journal.append(1, 1, payload('kept'));
    simulated.capacityBytes = simulated.usedBytes + 20;
    await expect(journal.append(1, 1, payload('too much'))).rejects.toMatchObject({
      code: 'JOURNAL_STOPPED',
      details: { reason: 'DISK_FULL' },
    });
    await journal.close();
    await expect(open(disk)).rejects.toMatchObject({ code: 'DISK_FULL' });
    simulated.capacityBytes = 1e9;
    expect(texts((await open(disk)).records)).toEqual(['kept']);
  });
});

it('works on a real folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'loom-journal-'));
  try {
    const options = { directory: join(root, 'a/b'), maxSegmentBytes: 20_000 };
    const { journal } = await open(nodeDisk(), options);
    await Promise.all(Array.from({ length: 200 }, (_, i) => journal.append(1, i, payload('x'.repeat(i)))));
    for (let i = 0; i < 20; i++) await journal.append(2, i, payload('y'.repeat(i * 100)));
    await journal.close();
    const again = await open(nodeDisk(), options);
    expect(again.records.length).toBe(220);
    await again.journal.compact([{ type: 3, token: 1, body: payload('all') }]);
    await again.journal.append(1, 1, payload('more'));
    await again.journal.close();
    const last = await open(nodeDisk(), options);
    expect(texts(last.records)).toEqual(['all', 'more']);
    await last.journal.close();
  } finally {
    await rm(root, { recursive: true });
  }
});

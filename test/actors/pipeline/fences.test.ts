import { describe, expect, it } from 'vitest';
import { type Fences, type FencesOptions, openFences } from '../../../src/actors/pipeline/fences.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { checksum, simulatedDisk } from './chunk-store-fixture.ts';

const disk = simulatedDisk();

function open(change: Partial<FencesOptions> = {}, on = disk): Promise<Fences> {
  const directory = '/data/fences';
  return openFences({ disk: on.mount(), checksum, directory, durability: 'power-safe', ...change });
}

describe('fences', () => {
  it('F1, F3: only grow', async () => {
    const fences = await open({ directory: '/data/f1' });
    expect(fences.seen('d')).toBe(0);
    fences.check('d', 3);
    fences.check('d', 3);
    expect(() => fences.check('d', 2)).toThrow(/FENCED/);
    await expect(fences.raise('d', 2)).rejects.toMatchObject({ code: 'FENCED' });
    expect([fences.seen('d'), fences.seen('e')]).toEqual([3, 0]);
    await fences.close();
    await fences.close();
    await expect(fences.raise('d', 4)).rejects.toMatchObject({ code: 'DISK_CLOSED' });
  });

  it('F2: are what was raised, after a power cut; what was only seen may be gone', async () => {
    const own = simulatedDisk(2);
    const fences = await open({}, own);
    await Promise.all([
      fences.raise('d', 3),
      fences.raise('d', 3),
      fences.raise('e', 7),
      fences.raise('d', 5),
    ]);
    fences.check('d', 9);
    own.powerLoss();
    const again = await open({}, own);
    expect([again.seen('d'), again.seen('e')]).toEqual([5, 7]);
  });

  it('F2: share syncs, and write a token once', async () => {
    const own = simulatedDisk(3);
    const fences = await open({}, own);
    await fences.raise('d', 1);
    const before = own.faults.calls;
    await fences.raise('d', 1);
    expect(own.faults.calls).toBe(before);
    await Promise.all(Array.from({ length: 50 }, (_, i) => fences.raise(`set-${i}`, 2)));
    expect(own.faults.calls - before).toBeLessThan(10);
  });

  it('F2: hold wherever a call fails and the power goes', async () => {
    for (let call = 1; call < 25; call++) {
      const own = simulatedDisk(100 + call);
      const fences = await open({}, own);
      await fences.raise('d', 1);
      own.faults.failNth(call);
      const raised = [1];
      for (const token of [2, 3, 4]) {
        try {
          await fences.raise('d', token);
          raised.push(token);
        } catch (thrown) {
          expect(LoomError.from(thrown).code).toBe('STORE_STOPPED');
        }
      }
      own.powerLoss();
      own.faults.calm();
      expect((await open({}, own)).seen('d')).toBeGreaterThanOrEqual(raised.at(-1) as number);
    }
  });

  it('F4: recover from a full disk', async () => {
    const own = simulatedDisk(4);
    const fences = await open({}, own);
    await fences.raise('d', 1);
    own.capacityBytes = own.usedBytes;
    for (let tried = 0; tried < 3; tried++) {
      const both = await Promise.allSettled([fences.raise('d', 2), fences.raise('e', 2)]);
      expect(both.map((each) => each.status === 'rejected' && LoomError.from(each.reason).code)).toEqual([
        'DISK_FULL',
        'DISK_FULL',
      ]);
    }
    own.capacityBytes = 1e9;
    await fences.raise('d', 2);
    own.powerLoss();
    expect((await open({}, own)).seen('d')).toBe(2);
  });

  it('stay short: the journal is compacted, and the data sets that it remembers are bounded', async () => {
    const own = simulatedDisk(5);
    const fences = await open({ maxDatasets: 10 }, own);
    for (let token = 1; token <= 2000; token++) {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => fences.raise(`data-set-number-${i % 12}`, token)),
      );
    }
    expect(own.usedBytes).toBeLessThan(400_000);
    await fences.close();
    own.powerLoss();
    const again = await open({ maxDatasets: 10 }, own);
    const seen = Array.from({ length: 12 }, (_, i) => again.seen(`data-set-number-${i}`));
    expect(seen.filter((token) => token === 2000)).toHaveLength(10);
  });
});

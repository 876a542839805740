import { describe, expect, it } from 'vitest';
import type { Disk } from '../../../src/ports/disk.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';
import { VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function machine(seed: number, capacityBytes?: number): SimulatedDisk {
  return new SimulatedDisk({
    random: new SeededRandom(seed),
    ...(capacityBytes === undefined ? {} : { capacityBytes }),
  });
}

async function content(disk: Disk, path: string): Promise<string | undefined> {
  const stat = await disk.stat(path);
  if (stat === undefined) return undefined;
  const file = await disk.open(path, 'read');
  const into = new Uint8Array(stat.bytes);
  await file.read(into, 0);
  return new TextDecoder().decode(into);
}

/** What `script` may leave after power loss, over many seeds. */
async function outcomes(
  script: (disk: Disk) => Promise<void>,
  path: string,
): Promise<Set<string | undefined>> {
  const seen = new Set<string | undefined>();
  for (let seed = 0; seed < 200; seed++) {
    const simulated = machine(seed);
    await script(simulated.mount());
    simulated.powerLoss();
    seen.add(await content(simulated.mount(), path));
  }
  return seen;
}

describe('power loss (S2)', () => {
  it('keeps what was synced in a synced folder, always', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('/f', 'create');
      await file.write(text('safe'), 0);
      await file.sync();
      await disk.syncDirectory('/');
    }, '/f');
    expect(seen).toEqual(new Set(['safe']));
  });

  it('may lose a name whose folder was not synced', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('/f', 'create');
      await file.write(text('safe'), 0);
      await file.sync();
    }, '/f');
    expect(seen).toEqual(new Set(['safe', undefined]));
  });

  it('may lose, keep or tear each write that was not synced, apart from the others', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('/f', 'create');
      await disk.syncDirectory('/');
      await file.write(text('ab'), 0);
      await file.write(text('cd'), 2);
    }, '/f');
    expect(seen).toContain('');
    expect(seen).toContain('abcd');
    expect(seen).toContain('ab');
    expect(seen).toContain('\0\0cd');
    expect(seen).toContain('a');
    expect(seen).toContain('\0\0');
  });

  it('tears a long write at sectors', async () => {
    const long = 'x'.repeat(512) + 'y'.repeat(512) + 'z'.repeat(512);
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('/f', 'create');
      await disk.syncDirectory('/');
      await file.write(text(long), 0);
    }, '/f');
    expect(seen).toContain('\0'.repeat(1024) + 'z'.repeat(512));
    expect(seen).toContain('x'.repeat(512) + '\0'.repeat(512) + 'z'.repeat(512));
  });

  it('does not make durable by a sync what was written after it began', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('/f', 'create');
      await disk.syncDirectory('/');
      await file.write(text('a'), 0);
      const sync = file.sync();
      await file.write(text('b'), 1);
      await sync;
    }, '/f');
    expect(seen).toEqual(new Set(['a', 'ab', 'a\0']));
  });

  it('undoes a rename or a removal that was not synced, whole', async () => {
    const script = async (disk: Disk): Promise<void> => {
      for (const name of ['a', 'b']) {
        const file = await disk.open(`/${name}`, 'create');
        await file.write(text(name), 0);
        await file.sync();
      }
      await disk.syncDirectory('/');
      await disk.rename('/a', '/b');
    };
    expect(await outcomes(script, '/b')).toEqual(new Set(['a', 'b']));
    expect(await outcomes(script, '/a')).toEqual(new Set(['a', undefined]));
  });

  it('loses a folder that was not synced with all that is in it', async () => {
    const seen = await outcomes(async (disk) => {
      await disk.makeDirectory('/d');
      const file = await disk.open('/d/f', 'create');
      await file.write(text('x'), 0);
      await file.sync();
      await disk.syncDirectory('/d');
    }, '/d/f');
    expect(seen).toEqual(new Set(['x', undefined]));
  });

  it('gives one outcome for one seed (S1)', async () => {
    const run = async (): Promise<string | undefined> => {
      const simulated = machine(7);
      const disk = simulated.mount();
      const file = await disk.open('/f', 'create');
      await disk.syncDirectory('/');
      for (let i = 0; i < 50; i++) await file.write(text(`record ${i};`), i * 20);
      simulated.powerLoss();
      return content(simulated.mount(), '/f');
    };
    expect(await run()).toBe(await run());
  });
});

describe('a crash of the process (S3, S4)', () => {
  it('keeps all that was written and ends the handles', async () => {
    const simulated = machine(1);
    const disk = simulated.mount();
    const file = await disk.open('/f', 'create');
    await file.write(text('kept'), 0);
    simulated.processCrash();
    expect(await content(simulated.mount(), '/f')).toBe('kept');
    await expect(file.write(text('no'), 0)).rejects.toMatchObject({ code: 'DISK_CLOSED' });
    await expect(disk.stat('/f')).rejects.toMatchObject({ code: 'DISK_CLOSED' });
  });

  it('may tear a write on the way, which never settles', async () => {
    const seen = new Set<string | undefined>();
    for (let seed = 0; seed < 100; seed++) {
      const simulated = machine(seed);
      const file = await simulated.mount().open('/f', 'create');
      let settled = false;
      const settle = (): void => {
        settled = true;
      };
      file.write(text('abc'), 0).then(settle, settle);
      simulated.processCrash();
      seen.add(await content(simulated.mount(), '/f'));
      expect(settled).toBe(false);
    }
    expect(seen).toContain('');
    expect(seen).toContain('ab');
    expect(seen).toContain('abc');
  });
});

describe('faults', () => {
  it('fails the nth call and no other', async () => {
    const simulated = machine(1);
    const disk = simulated.mount();
    simulated.faults.failNth(2, 'DISK_DENIED');
    const file = await disk.open('/f', 'create');
    await expect(file.write(text('x'), 0)).rejects.toMatchObject({ code: 'DISK_DENIED' });
    await file.write(text('y'), 0);
    expect(simulated.faults.calls).toBe(3);
    expect(simulated.faults.counts).toEqual({ 'failed-call': 1, 'torn-write': 1 });
  });

  it('drops what a failed sync should have kept, though it stays visible and a later sync succeeds', async () => {
    const simulated = machine(3);
    const disk = simulated.mount();
    const file = await disk.open('/f', 'create');
    await disk.syncDirectory('/');
    simulated.faults.failSync();
    await file.write(text('lost'), 0);
    await expect(file.sync()).rejects.toMatchObject({ code: 'DISK_IO' });
    await file.write(text('kept'), 4);
    await file.sync();
    expect(await content(disk, '/f')).toBe('lostkept');
    simulated.powerLoss();
    expect(await content(simulated.mount(), '/f')).toBe('\0\0\0\0kept');
    expect(simulated.faults.counts['failed-sync']).toBe(1);
  });

  it('is full at its capacity, after the part that fits, until space is freed', async () => {
    const simulated = machine(1, 10);
    const disk = simulated.mount();
    const file = await disk.open('/f', 'create');
    await file.write(text('12345678'), 0);
    const other = await disk.open('/g', 'create');
    await expect(other.write(text('abc'), 0)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await content(disk, '/g')).toBe('ab');
    expect(await disk.space('/')).toEqual({ freeBytes: 0, totalBytes: 10 });
    await file.write(text('87654321'), 0);
    await disk.remove('/f');
    await other.write(text('abc'), 0);
    expect(simulated.usedBytes).toBe(3);
  });

  it('flips a bit at rest, synced or not', async () => {
    const simulated = machine(1);
    const disk = simulated.mount();
    const file = await disk.open('/f', 'create');
    await disk.syncDirectory('/');
    await file.write(text('a'), 0);
    await file.sync();
    simulated.flipBit('/f', 1);
    expect(await content(disk, '/f')).toBe('c');
    simulated.powerLoss();
    expect(await content(simulated.mount(), '/f')).toBe('c');
    expect(simulated.flipRandomBit()?.path).toBe('/f');
    expect(await content(simulated.mount(), '/f')).not.toBe('c');
    expect(machine(1).flipRandomBit()).toBeUndefined();
  });

  it('takes virtual time when it is slow', async () => {
    const time = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
    const simulated = new SimulatedDisk({ random: new SeededRandom(1), latencyMs: () => 2 });
    simulated.faults.slowMs = 100;
    let doneMs = -1;
    const opened = simulated
      .mount(time.process())
      .open('/f', 'create')
      .then(() => {
        doneMs = time.nowMs;
      });
    await time.run(1000);
    await opened;
    expect(doneMs).toBe(102);
    expect(simulated.faults.counts['slow-call']).toBe(1);
  });
});

import { describe, expect, it } from 'vitest';
import type { ChunkKey } from '../../../src/actors/pipeline/chunk-header.ts';
import type { Disk } from '../../../src/ports/disk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';
import {
  blocksFrom,
  content,
  expectBytes,
  hashOf,
  identity,
  openStore,
  readChunk,
  root,
  simulatedDisk,
  store,
} from './chunk-store-fixture.ts';

const chunks = [content(4 * 1024), content(3000, 2), content(100, 3)];
const object = content(700, 4);

interface Acknowledged {
  readonly chunks: ChunkKey[];
  object: boolean;
}

/** Opens a store, writes two chunks after one another and one beside an object, and reads them back. */
async function script(disk: Disk, acknowledged: Acknowledged): Promise<void> {
  const opened = await openStore(disk);
  const keep = async (index: number): Promise<void> => {
    const bytes = chunks[index] as Uint8Array;
    acknowledged.chunks.push(
      (await store(opened, identity({ index, dataset: `set-${index % 2}` }), bytes)).key,
    );
  };
  await keep(0);
  await keep(1);
  const results = await Promise.allSettled([
    keep(2),
    opened.putObject(object, { owner: 'job' }).then(() => {
      acknowledged.object = true;
    }),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  for (const key of acknowledged.chunks) await readChunk(opened, key);
  await opened.getObject(hashOf(object));
}

async function run(simulated: SimulatedDisk): Promise<Acknowledged> {
  const acknowledged: Acknowledged = { chunks: [], object: false };
  try {
    await script(simulated.mount(), acknowledged);
  } catch (thrown) {
    if (!(thrown instanceof LoomError)) throw thrown;
  }
  return acknowledged;
}

/** C1: what was acknowledged is whole, what was not is whole or absent. */
async function judge(simulated: SimulatedDisk, acknowledged: Acknowledged, what: string): Promise<void> {
  const disk = simulated.mount();
  const opened = await openStore(disk);
  expect(opened.damaged, what).toEqual([]);
  for (const key of acknowledged.chunks) expect(opened.has(key), what).toBe(true);
  for (const { key } of opened.list()) {
    expectBytes(await readChunk(opened, key), chunks[key.index], what);
    expect(await opened.verify(key), what).toMatchObject({ ok: true });
  }
  if (acknowledged.object) expect(opened.hasObject(hashOf(object)), what).toBe(true);
  for (const { hash } of opened.objects()) expectBytes(await opened.getObject(hash), object, what);
  expect(await disk.list(`${root}/incoming`), what).toEqual([]);
}

async function countCalls(): Promise<number> {
  const simulated = simulatedDisk();
  await run(simulated);
  return simulated.faults.calls;
}

describe('every I/O call fails once', () => {
  it.each(['DISK_IO', 'DISK_FULL'] as const)('with %s, then the power goes', async (code) => {
    const calls = await countCalls();
    for (let n = 1; n <= calls; n++) {
      for (let seed = 0; seed < 4; seed++) {
        const simulated = simulatedDisk(1000 * seed + n);
        simulated.faults.failNth(n, code);
        const acknowledged = await run(simulated);
        simulated.faults.calm();
        simulated.powerLoss();
        await judge(simulated, acknowledged, `call ${n}, seed ${seed}`);
      }
    }
  });
});

describe('the machine stops at every I/O call', () => {
  it.each(['powerLoss', 'processCrash'] as const)('by %s', async (crash) => {
    const calls = await countCalls();
    for (let n = 1; n <= calls; n++) {
      for (let seed = 0; seed < 4; seed++) {
        const simulated = simulatedDisk(1000 * seed + n);
        const acknowledged: Acknowledged = { chunks: [], object: false };
        let ended = false;
        const end = (): void => {
          ended = true;
        };
        script(simulated.mount(), acknowledged).then(end, end);
        while (simulated.faults.calls < n && !ended) await Promise.resolve();
        simulated[crash]();
        const kept = { chunks: [...acknowledged.chunks], object: acknowledged.object };
        await judge(simulated, kept, `call ${n}, seed ${seed}`);
        // What the restarted store showed as stored must be as durable as a commit.
        const shown = (await openStore(simulated.mount())).list().map(({ key }) => key);
        simulated.powerLoss();
        await judge(simulated, { ...kept, chunks: shown }, `call ${n}, seed ${seed}, again`);
      }
    }
  });
});

describe('a full disk (C4)', () => {
  it('ends the write, removes its part, serves reads, and takes writes once there is space', async () => {
    const simulated = simulatedDisk();
    const disk = simulated.mount();
    const opened = await openStore(disk);
    const { key } = await store(opened, identity(), content(3000));
    for (const room of [0, 100, 2000, 5000]) {
      simulated.capacityBytes = simulated.usedBytes + room;
      await expect(store(opened, identity({ index: 9 }), content(3000, 9))).rejects.toMatchObject({
        code: 'DISK_FULL',
      });
      await expect(opened.putObject(content(2000), { owner: 'x' })).rejects.toMatchObject({
        code: 'DISK_FULL',
      });
      expect(await disk.list(`${root}/incoming`)).toEqual([]);
      expectBytes(await readChunk(opened, key), content(3000));
      if (room === 2000) break;
    }
    simulated.capacityBytes = 1e9;
    const later = await store(opened, identity({ index: 9 }), content(3000, 9));
    expect(await opened.verify(later.key)).toMatchObject({ ok: true });
  });
});

describe('a failed sync (C5)', () => {
  it.each(['sync', 'syncDirectory'] as const)(
    'of %s stops the writes and leaves the reads',
    async (operation) => {
      const simulated = simulatedDisk();
      const opened = await openStore(simulated.mount());
      const { key } = await store(opened, identity(), content(3000));
      simulated.faults.failSync(1, operation);
      await expect(store(opened, identity({ index: 1 }), content(10))).rejects.toMatchObject({
        code: 'STORE_STOPPED',
      });
      await expect(opened.begin(identity())).rejects.toMatchObject({ code: 'STORE_STOPPED' });
      await expect(opened.putObject(object, { owner: 'x' })).rejects.toMatchObject({ code: 'STORE_STOPPED' });
      await expect(opened.remove(key)).rejects.toMatchObject({ code: 'STORE_STOPPED' });
      expect(opened.list().map((each) => each.key)).toEqual([key]);
      expectBytes(await readChunk(opened, key), content(3000));
      simulated.powerLoss();
      expect((await openStore(simulated.mount())).has(key)).toBe(true);
    },
  );

  it('does not matter where no power loss is promised to be survived', async () => {
    const simulated = simulatedDisk();
    const opened = await openStore(simulated.mount(), { durability: 'process-crash-safe' });
    simulated.faults.failSync(1, 'sync');
    simulated.faults.failSync(1, 'syncDirectory');
    const { key } = await store(opened, identity(), content(3000));
    simulated.processCrash();
    const again = await openStore(simulated.mount(), { durability: 'process-crash-safe' });
    expectBytes(await readChunk(again, key), content(3000));
  });
});

it('ends a writer whose block could not be written, at the next call', async () => {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  const opened = await openStore(disk, { writesInFlight: 8 });
  for (const last of ['append', 'commit'] as const) {
    const writer = await opened.begin(identity());
    const [first, second] = blocksFrom(content(2048));
    if (first === undefined || second === undefined) throw new Error('no blocks');
    simulated.faults.failNth(1, 'DISK_IO', 'write');
    await writer.append(first);
    const hash = hashOf(content(1));
    const next =
      last === 'append'
        ? writer.append(second).then(() => writer.append({ ...second, index: 2 }))
        : writer.commit({ storedBytes: 1024, storedHash: hash, sourceHash: hash });
    await expect(next).rejects.toMatchObject({ code: 'DISK_IO' });
    await writer.abort();
    expect(await disk.list(`${root}/incoming`)).toEqual([]);
  }
});

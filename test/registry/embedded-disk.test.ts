import { describe, expect, it } from 'vitest';
import { nativeChecksum } from '../../src/adapters/checksum/native-checksum.ts';
import type { Disk } from '../../src/ports/disk.ts';
import { maxRegistryOperations, maxRegistryValueBytes } from '../../src/ports/registry.ts';
import { registryJournal } from '../../src/registry/embedded/registry-journal.ts';
import { SeededRandom } from '../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../src/runtime/simulation/simulated-disk.ts';
import { EmbeddedFixture } from './embedded-fixture.ts';
import { Told } from './told.ts';

function fixtureOn(disk: Disk, fixture = new EmbeddedFixture()): EmbeddedFixture {
  const place = {
    checksum: nativeChecksum(),
    directory: '/data/registry',
    durability: 'power-safe',
  } as const;
  fixture.options = { journal: registryJournal({ ...place, disk }), compactAboveBytes: 2000 };
  return fixture;
}

const simulatedDisk = (seed: number): SimulatedDisk => new SimulatedDisk({ random: new SeededRandom(seed) });

/** Works to the end, however much of it fails; a registry that does not open is left at that. */
async function work(fixture: EmbeddedFixture, told: Told): Promise<void> {
  const opened = await fixture.open().catch(() => undefined);
  if (opened !== undefined) await told.work(opened.registry, 3);
}

describe('embedded registry on a disk', () => {
  it('takes nothing back when any I/O call fails and the power goes afterwards', async () => {
    const whole = simulatedDisk(0);
    await work(fixtureOn(whole.mount()), new Told());
    const calls = whole.faults.calls;
    expect(calls).toBeGreaterThan(40);

    for (let n = 1; n <= calls; n++) {
      const simulated = simulatedDisk(n);
      const told = new Told();
      simulated.faults.failNth(n);
      await work(fixtureOn(simulated.mount()), told);
      simulated.faults.calm();
      simulated.powerLoss();
      const fixture = await fixtureOn(simulated.mount()).open();
      await told.check(fixture.registry);
      await told.work(fixture.registry, 1);
      await fixture.registry.close();
      await told.check((await fixture.open()).registry);
    }
  });

  it('takes nothing back when the power goes at any moment', async () => {
    let whileOpening = 0;
    let whileWorking = 0;
    for (let seed = 1; seed <= 80; seed++) {
      const simulated = new SimulatedDisk({ random: new SeededRandom(seed), latencyMs: () => 1 });
      const told = new Told();
      const fixture = new EmbeddedFixture();
      const clock = fixture.time.process();
      fixtureOn(simulated.mount(clock), fixture);
      let working = true;
      void work(fixture, told).finally(() => {
        working = false;
      });
      fixture.time.at(seed, () => {
        if (fixture.registry === undefined) whileOpening++;
        else if (working) whileWorking++;
        clock.kill();
        simulated.powerLoss();
        fixture.registry?.crash();
      });
      await fixture.advance(2000);
      if (fixture.registry !== undefined) expect(working).toBe(false);
      const after = await fixtureOn(simulated.mount()).open();
      await told.check(after.registry);
    }
    expect(whileOpening).toBeGreaterThan(5);
    expect(whileWorking).toBeGreaterThan(20);
  });

  it('keeps a transaction of the largest size in one piece (R7)', async () => {
    const simulated = simulatedDisk(1);
    const fixture = await fixtureOn(simulated.mount()).open();
    const a = await fixture.join('a');
    const operations = Array.from({ length: maxRegistryOperations }, (_, i) => {
      return { op: 'set', key: `k${i}`, value: new Uint8Array(maxRegistryValueBytes).fill(i) } as const;
    });
    const small = a.transact([{ op: 'set', key: 'small', value: new Uint8Array(maxRegistryValueBytes) }]);
    const large = a.transact(operations);
    expect((await small).kind).toBe('applied');
    expect((await large).kind).toBe('applied');
    await fixture.registry.close();
    simulated.processCrash();
    const again = await fixtureOn(simulated.mount()).open();
    expect(again.registry.listAll().keys).toHaveLength(maxRegistryOperations + 1);
    await again.registry.close();
  });
});

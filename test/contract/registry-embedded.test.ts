import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { nativeChecksum } from '../../src/adapters/checksum/native-checksum.ts';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { nodeDisk } from '../../src/adapters/disk/node-disk.ts';
import { openEmbeddedRegistry } from '../../src/registry/embedded/embedded-registry.ts';
import type { EmbeddedRegistryHandle } from '../../src/registry/embedded/handle.ts';
import { registryJournal } from '../../src/registry/embedded/registry-journal.ts';
import type { Journal } from '../../src/runtime/journal/journal.ts';
import { EmbeddedFixture } from '../registry/embedded-fixture.ts';
import { registryContract } from './registry-contract.ts';

registryContract('embedded, virtual time', async () => {
  const fixture = await new EmbeddedFixture().open();
  return {
    get registry() {
      return fixture.registry;
    },
    expiryWithinMs: 3000,
    advance: (ms) => fixture.advance(ms),
    settle: (call) => call,
    sever: (handle) => (handle as EmbeddedRegistryHandle).sever(),
    mend: (handle) => (handle as EmbeddedRegistryHandle).mend(),
    restart: () => fixture.restart(),
    close: () => fixture.registry.close(),
  };
});

registryContract('embedded, real clock and disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'loom-registry-'));
  const ttlMs = 500;
  const openOn = registryJournal({
    disk: nodeDisk(),
    checksum: nativeChecksum(),
    directory: `${directory}/journal`,
    durability: 'power-safe',
  });
  let journal: Journal | undefined;
  const open = () =>
    openEmbeddedRegistry({
      clock: systemClock(),
      journal: async (replay) => {
        journal = await openOn(replay);
        return journal;
      },
      ttlMs,
      report: (error) => {
        throw error;
      },
    });
  let registry = await open();
  return {
    get registry() {
      return registry;
    },
    expiryWithinMs: ttlMs,
    advance: (ms) => setTimeout(ms),
    settle: (call) => call,
    sever: (handle) => (handle as EmbeddedRegistryHandle).sever(),
    mend: (handle) => (handle as EmbeddedRegistryHandle).mend(),
    async restart() {
      registry.crash();
      await journal?.close();
      registry = await open();
    },
    async close() {
      await registry.close();
      await rm(directory, { recursive: true });
    },
  };
});

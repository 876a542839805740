import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeDisk } from '../../src/adapters/disk/node-disk.ts';
import { SeededRandom } from '../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../src/runtime/simulation/simulated-disk.ts';
import { diskContract } from './disk-contract.ts';

diskContract('node', async () => {
  const root = await mkdtemp(join(tmpdir(), 'loom-disk-'));
  return { disk: nodeDisk(), root, close: () => rm(root, { recursive: true }) };
});

diskContract('simulated', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1), capacityBytes: 1e9 }).mount();
  await disk.makeDirectory('/data');
  return { disk, root: '/data', close: () => Promise.resolve() };
});

import type { BulkAttachment } from '../../src/ports/bulk.ts';
import { BulkWorld } from '../sim/bulk-world.ts';
import { bulkContract } from './bulk-contract.ts';

bulkContract('simulated', () => {
  const world = new BulkWorld();
  const stop = world.flow();
  return Promise.resolve({
    attach: (node): Promise<BulkAttachment> => Promise.resolve(world.attach(node)),
    until: (condition) => world.until(condition),
    close: () => Promise.resolve(stop()),
    ahead: 5,
    shared: true,
  });
});

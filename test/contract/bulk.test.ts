import { MemoryBulkPlane } from '../../src/transport/memory/memory-bulk-plane.ts';
import { bulkContract } from './bulk-contract.ts';

function nextPass(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

bulkContract('memory', () => {
  const plane = new MemoryBulkPlane();
  return Promise.resolve({
    attach: (node) => Promise.resolve(plane.attach(node)),
    until: async (condition) => {
      for (let pass = 0; pass < 1000 && !condition(); pass++) await nextPass();
      if (!condition()) throw new Error('the condition did not come true');
    },
    close: () => Promise.resolve(),
    ahead: 0,
    shared: true,
  });
});

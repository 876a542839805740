import { RegistryWorld } from '../sim/registry-world.ts';
import { registryContract } from './registry-contract.ts';

registryContract('simulated, over a network', async () => {
  // Calls that a cut has lost fail only after a while, of which the contract spends several on one epoch.
  const world = new RegistryWorld(15_000);
  await world.up();
  return {
    registry: { join: (member) => world.client(member.node).join(member) },
    expiryWithinMs: 20_000,
    advance: (ms) => world.advance(ms),
    settle: (call) => world.settle(call),
    sever: ({ node }) => world.sever(node),
    mend: ({ node }) => world.mend(node),
    restart: async () => {
      world.service.restart('process-crash', 0);
      await world.up();
    },
    close: () => Promise.resolve(),
  };
});

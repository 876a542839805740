import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../src/runtime/simulation/seeded-random.ts';
import { SimulatedNetwork } from '../../src/runtime/simulation/simulated-network.ts';
import { VirtualTime } from '../../src/runtime/simulation/virtual-time.ts';
import { MemoryTransport } from '../../src/transport/memory/memory-transport.ts';
import { connectSocket, type SocketClient } from '../../src/transport/socket/socket-client.ts';
import { SocketHub } from '../../src/transport/socket/socket-hub.ts';
import { type TransportUnderTest, transportContract } from './transport-contract.ts';

function nextPass(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextPass();
}

transportContract('memory', () => {
  const transport = new MemoryTransport();
  return Promise.resolve({
    attach: (node, listener) => Promise.resolve(transport.attach(node, listener)),
    until,
    close: () => Promise.resolve(),
  });
});

transportContract('simulated network', () => {
  const time = new VirtualTime(nextPass);
  const network = new SimulatedNetwork(time, new SeededRandom(1), { delayMs: 3, jitterMs: 5 });
  return Promise.resolve({
    attach: (node, listener) => Promise.resolve(network.transport(time.process()).attach(node, listener)),
    until: async (condition) => {
      await time.run(time.nowMs + 60_000, condition);
      if (!condition()) throw new Error('the condition did not come true within a virtual minute');
    },
    close: () => Promise.resolve(),
  });
});

/** Real Unix sockets; of the nodes, `inHub` are attached in the process that listens. */
async function sockets(inHub: readonly string[]): Promise<TransportUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-'));
  const path = join(folder, 's');
  const hub = await SocketHub.listen({ path });
  const clients: SocketClient[] = [];
  return {
    attach: async (node, listener) => {
      if (inHub.includes(node)) return hub.attach(node, listener);
      const client = await connectSocket({ path, node });
      clients.push(client);
      return client.attach(node, listener);
    },
    until,
    close: async () => {
      for (const client of clients) client.close();
      await hub.close();
      await rm(folder, { recursive: true });
    },
  };
}

transportContract('socket, hub to client', () => sockets(['a']));
transportContract('socket, client to hub', () => sockets(['b', 'c']));
transportContract('socket, client to client', () => sockets([]));
transportContract('socket, all in the hub', () => sockets(['a', 'b', 'c']));

/** Loom: the same file through a cluster of four nodes on two clouds in one process, until all three copies are there. */
import { rm } from 'node:fs/promises';
import { openDataFolder } from '../../dist/node/data-folder.js';
import { DevCluster } from '../../dist/node/dev-cluster.js';
import { blockBytes, chunkBytes, source, sourceBytes, target } from './source.mjs';

const version = '0.0.0';
const order = { name: 'bench', chunkBytes, blockBytes, replicas: 3, minClouds: 2 };

async function main() {
  const path = await source();
  const dataDir = await target();
  const cluster = await DevCluster.start({
    folder: await openDataFolder(dataDir, { version, environment: process.env }),
    nodes: [
      { cloud: 'aws', count: 2 },
      { cloud: 'gcp', count: 2 },
    ],
    durability: 'power-safe',
    version,
  });
  const control = cluster.control.ref;
  const startMs = performance.now();
  const { job } = await control.ask.ingest({ ...order, path });
  let last;
  for await (const { item } of control.subscribe.progress({ job })) last = item;
  const seconds = (performance.now() - startMs) / 1000;
  const megabytes = process.resourceUsage().maxRSS / 1024;
  if (last?.state !== 'done') throw new Error(`the job ended as ${last?.state}: ${last?.reason}`);
  const report = await control.ask.verify({ name: order.name }, { deadlineMs: 120_000 });
  if (report.bad.length > 0 || report.replicasMin < 3) throw new Error('not every copy verifies');
  await cluster.drain(10_000);
  await rm(dataDir, { recursive: true });
  return process.argv[2] === 'resident' ? megabytes : sourceBytes / 1e6 / seconds;
}

const value = await main();
process.stdout.write(`${JSON.stringify({ value })}\n`, () => process.exit(0));

import { findName, JobStore } from '../../../src/actors/pipeline/job-store.ts';
import { fetchManifest } from '../../../src/actors/pipeline/manifest-object.ts';
import {
  type ChunkRecord,
  type IngestOrder,
  Ingestor,
  type JobProgress,
  type Manifest,
} from '../../../src/actors/pipeline/messages.ts';
import { readDataset } from '../../../src/actors/pipeline/read-dataset.ts';
import { type PipelineOfNode, startPipeline } from '../../../src/actors/pipeline/start-pipeline.ts';
import { type DatasetVerdict, verifyDataset } from '../../../src/actors/pipeline/verify-dataset.ts';
import { nativeChecksum } from '../../../src/adapters/checksum/native-checksum.ts';
import type { BulkAttachment } from '../../../src/ports/bulk.ts';
import type { Disk } from '../../../src/ports/disk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';
import { MemoryBulkPlane } from '../../../src/transport/memory/memory-bulk-plane.ts';
import { describeNode } from '../../contract/registry-contract.ts';
import { Cluster, type NodeLife } from '../../runtime/cluster/cluster-fixture.ts';

export const checksum = nativeChecksum();
export const kib = 1024;

/** The pipeline on one life of a node. */
interface Running {
  readonly pipeline: PipelineOfNode;
  readonly bulk: BulkAttachment;
}

/** A cluster with the whole pipeline on each node, on virtual time; sources lie on each node's own simulated disk. */
export class PipelineCluster {
  readonly cluster: Cluster;
  readonly disks = new Map<string, SimulatedDisk>();
  readonly #running = new Map<NodeLife, Promise<Running>>();

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async open(names: readonly string[]): Promise<PipelineCluster> {
    const plane = new MemoryBulkPlane();
    let self: PipelineCluster | undefined;
    const waiting: NodeLife[] = [];
    const begin = (life: NodeLife): void => {
      if (self === undefined) waiting.push(life);
      else self.#begin(life, plane);
    };
    const cluster = await Cluster.open(names, {
      setup: begin,
      member: (name) => ({ ...describeNode(name), cloud: cloudOf(name) }),
    });
    self = new PipelineCluster(cluster);
    for (const life of waiting) begin(life);
    for (const name of names) await self.running(name);
    return self;
  }

  #begin(life: NodeLife, plane: MemoryBulkPlane): void {
    const { name, process } = life;
    const disk = this.disks.get(name) ?? new SimulatedDisk({ random: new SeededRandom(7).fork(name) });
    this.disks.set(name, disk);
    const bulk = plane.attach(name);
    const started = startPipeline(life.node, {
      clock: process,
      random: this.cluster.random.fork(`pipeline ${name}`),
      checksum,
      disk: disk.mount(process),
      bulk,
      folder: `/nodes/${name}`,
      durability: 'power-safe',
      cloud: cloudOf(name),
    });
    this.#running.set(
      life,
      started.then((pipeline) => ({ pipeline, bulk })),
    );
  }

  running(name: string): Promise<Running> {
    const running = this.#running.get(this.cluster.life(name));
    if (running === undefined) throw new Error(`${name} runs no pipeline`);
    return this.cluster.until(running);
  }

  /** The disk of a node as an outside program sees it. */
  disk(name: string): Disk {
    const disk = this.disks.get(name);
    if (disk === undefined) throw new Error(`${name} has no disk`);
    return disk.mount(this.cluster.time.process());
  }

  async write(name: string, path: string, content: Uint8Array): Promise<void> {
    const disk = this.disk(name);
    await this.cluster.until(
      (async () => {
        const file = await disk.open(path, 'write');
        await file.write(content, 0);
        await file.sync();
        await file.close();
      })(),
    );
  }

  ingest(
    name: string,
    order: Partial<IngestOrder> & Pick<IngestOrder, 'path' | 'name'>,
  ): Promise<{ job: string; chunks: number }> {
    const { node } = this.cluster.life(name);
    const full = { chunkBytes: 8 * kib, blockBytes: 2 * kib, replicas: 3, minClouds: 2, ...order };
    return this.cluster.until(node.ref(Ingestor, name, 'ingestor').ask.ingest(full));
  }

  async status(from: string, job: string): Promise<JobProgress> {
    const { pipeline } = await this.running(from);
    return this.cluster.until(pipeline.jobs.ref(job).ask.status({}, { deadlineMs: 30_000 }));
  }

  /** Runs until the job has ended, asking from one node. */
  async ended(from: string, job: string, withinMs = 120_000): Promise<JobProgress> {
    const untilMs = this.cluster.time.nowMs + withinMs;
    for (;;) {
      const status = await this.status(from, job).catch((error: unknown) => {
        // A question may be put again, whatever became of the first.
        if (error instanceof LoomError && again.has(error.code)) return undefined;
        throw error;
      });
      if (status === undefined) continue;
      if (status.state !== 'running' && status.state !== 'paused') return status;
      if (this.cluster.time.nowMs > untilMs)
        throw new Error(`the job is still ${status.state}: ${status.reason}`);
      await this.cluster.advance(100);
    }
  }

  async manifest(from: string, name: string): Promise<Manifest> {
    const { pipeline, bulk } = await this.running(from);
    const entry = await this.cluster.until(findName(this.cluster.node(from).membership.handle, name));
    if (entry === undefined) throw new Error(`${name} is not there`);
    const { keeperOf } = pipeline;
    return this.cluster.until(fetchManifest({ entry, bulk, checksum, keeperOf, signal: never }));
  }

  async read(from: string, name: string): Promise<Uint8Array> {
    const manifest = await this.manifest(from, name);
    const { pipeline, bulk } = await this.running(from);
    const { keeperOf } = pipeline;
    const whole = new Uint8Array(manifest.bytes);
    const parts = { manifest, keeperOf, bulk, checksum, preferCloud: cloudOf(from), signal: never };
    await this.cluster.until(
      (async () => {
        for await (const { offset, bytes } of readDataset(parts)) whole.set(bytes, offset);
      })(),
    );
    return whole;
  }

  async verify(from: string, name: string): Promise<DatasetVerdict> {
    const manifest = await this.manifest(from, name);
    const entry = await this.cluster.until(findName(this.cluster.node(from).membership.handle, name));
    const { pipeline, bulk } = await this.running(from);
    const { keeperOf } = pipeline;
    const replicas = (entry?.manifestNodes ?? []).map((node) => ({ node, cloud: cloudOf(node) }));
    const manifestObject = { blake3: entry?.manifest ?? '', replicas };
    return this.cluster.until(
      verifyDataset({ manifest, manifestObject, keeperOf, bulk, checksum, signal: never }),
    );
  }
}

/** What is durable of a job's chunks. */
export async function recordsOf(
  pipeline: PipelineCluster,
  from: string,
  job: string,
): Promise<readonly ChunkRecord[]> {
  const registry = pipeline.cluster.node(from).membership.handle;
  const loaded = await pipeline.cluster.until(new JobStore(registry, { key: 'none', token: 0 }, job).load());
  return loaded?.records ?? [];
}

const again: ReadonlySet<string> = new Set(['UNKNOWN_OUTCOME', 'NODE_LOST', 'NO_OWNER']);

export function content(bytes: number, seed = 3): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length: bytes }, () => random.below(256));
}

export function cloudOf(node: string): string {
  return node.split('-')[0] as string;
}

const never = new AbortController().signal;

import type { ChunkStore } from '../../../src/actors/pipeline/chunk-store.ts';
import { type Fences, openFences } from '../../../src/actors/pipeline/fences.ts';
import type { KeeperLimits } from '../../../src/actors/pipeline/keeper-limits.ts';
import type {
  ChunkIdentity,
  ChunkKey,
  ChunkSeal,
  Keeper,
  Manifest,
  WorkToken,
} from '../../../src/actors/pipeline/messages.ts';
import { storageKeeper } from '../../../src/actors/pipeline/storage-keeper-actor.ts';
import type { BulkAttachment, BulkBlock, BulkSource, BulkTicket } from '../../../src/ports/bulk.ts';
import type { Disk } from '../../../src/ports/disk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { ActorSystem } from '../../../src/runtime/actor-system.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';
import { VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';
import { MemoryBulkPlane } from '../../../src/transport/memory/memory-bulk-plane.ts';
import { blockBytes, blocksFrom, checksum, hashOf, openStore } from './chunk-store-fixture.ts';

export const dataset = 'weather-2026';
export const token: WorkToken = { coordinator: 5, attempt: 1 };

/** Nodes with a disk and a storage keeper each, on virtual time, joined by the memory bulk plane. */
export class KeeperWorld {
  readonly time = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
  readonly plane = new MemoryBulkPlane();
  readonly nodes = new Map<string, KeeperNode>();
  /** A place on the bulk plane for sources that are no keeper's. */
  readonly source: BulkAttachment = this.plane.attach('source');

  async start(names: readonly string[], limits: Partial<KeeperLimits> = {}): Promise<readonly KeeperNode[]> {
    for (const [seed, name] of names.entries()) {
      const node = new KeeperNode(this, name, seed + 1, limits);
      this.nodes.set(name, node);
      await node.start();
    }
    await this.run();
    return names.map((name) => this.nodes.get(name) as KeeperNode);
  }

  readonly keeperOf = (node: string): ActorRef<typeof Keeper> => {
    const found = this.nodes.get(node)?.ref;
    if (found === undefined) throw new LoomError('NODE_LOST', node);
    return found;
  };

  /** Lets `ms` of virtual time pass; 0 runs what can run now. */
  async run(ms = 0): Promise<void> {
    await this.time.run(this.time.nowMs + ms);
  }

  /** Runs until the promise is settled, for at most `ms`. */
  async until<T>(promise: Promise<T>, ms = 120_000): Promise<T> {
    let settled = false;
    const over = (): void => {
      settled = true;
    };
    promise.then(over, over);
    await this.run();
    for (let passes = 0; passes < 200 && !settled; passes++) await this.run();
    if (!settled) await this.time.run(this.time.nowMs + ms, () => settled);
    if (!settled) throw new Error(`not settled within ${ms} ms`);
    return promise;
  }

  /** The code with which a promise fails; `none` when it does not. */
  async codeOf(promise: Promise<unknown>, ms?: number): Promise<string> {
    try {
      await this.until(promise, ms);
      return 'none';
    } catch (thrown) {
      return thrown instanceof LoomError ? thrown.code : String(thrown);
    }
  }

  async when(condition: () => boolean): Promise<void> {
    for (let passes = 0; passes < 1000 && !condition(); passes++) await this.run();
    if (!condition()) throw new Error('the condition did not come true');
  }
}

export class KeeperNode {
  readonly disk: SimulatedDisk;
  readonly stops: LoomError[] = [];
  store!: ChunkStore;
  fences!: Fences;
  bulk!: BulkAttachment;
  system!: ActorSystem;
  ref!: ActorRef<typeof Keeper>;
  /** What the keeper gets in place of its store; counts from the next `spawn` on. */
  dress: (store: ChunkStore) => ChunkStore = (store) => store;
  readonly #world: KeeperWorld;
  readonly #name: string;
  readonly #limits: Partial<KeeperLimits>;
  #epoch = 0;

  constructor(world: KeeperWorld, name: string, seed: number, limits: Partial<KeeperLimits>) {
    this.#world = world;
    this.#name = name;
    this.#limits = limits;
    this.disk = new SimulatedDisk({ random: new SeededRandom(seed), capacityBytes: 1e9 });
  }

  /** Starts the node's process: opens what is on the disk. */
  async start(): Promise<void> {
    const mount: Disk = this.disk.mount();
    this.store = await openStore(mount);
    this.fences = await openFences({
      disk: mount,
      checksum,
      directory: '/data/fences',
      durability: 'power-safe',
    });
    this.bulk = this.#world.plane.attach(this.#name);
    this.system = new ActorSystem({
      node: this.#name,
      epoch: ++this.#epoch,
      clock: this.#world.time.process(),
      random: new SeededRandom(this.#epoch),
      guardWith: checksum,
    });
    this.spawn();
  }

  spawn(): void {
    const { fences, bulk } = this;
    const { keeperOf } = this.#world;
    const parts = { store: this.dress(this.store), fences, bulk, checksum, keeperOf, limits: this.#limits };
    const stopped = (error: LoomError): void => {
      this.stops.push(error);
    };
    this.ref = this.system.spawn(storageKeeper({ ...parts, stopped }), { name: 'keeper' });
  }

  /** Stops the keeper and starts another on the same store, through `dress`. */
  async dressed(change: Partial<Pick<ChunkStore, 'begin' | 'verify'>>): Promise<void> {
    await this.#world.until(this.system.stop(this.ref));
    this.dress = (store) =>
      new Proxy(store, {
        get: (target, property) => {
          const value: unknown = Reflect.get(change, property) ?? Reflect.get(target, property, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    this.spawn();
    await this.#world.run();
  }

  /** kill -9, or with `power` a loss of power, and a new process on the same disk. */
  async crash(power = false): Promise<void> {
    this.end(power);
    await this.start();
    await this.#world.run();
  }

  end(power = false): void {
    this.system.crash();
    this.bulk.close();
    if (power) this.disk.powerLoss();
    else this.disk.processCrash();
  }

  /** Files under temporary names. */
  async parts(): Promise<number> {
    const entries = await this.disk.mount().list('/data/store/incoming');
    return entries.length;
  }
}

export function identity(change: Partial<ChunkIdentity> = {}): ChunkIdentity {
  return {
    dataset,
    name: 'Weather, 2026 ☂',
    job: 'job-1',
    index: 0,
    chunkCount: 3,
    sourceOffset: 0,
    sourceBytes: 4000,
    blockBytes,
    transform: { name: 'verify', version: '1' },
    ...change,
  };
}

export function sealOf(bytes: Uint8Array): ChunkSeal {
  const blake3 = hashOf(bytes);
  return {
    storedBytes: bytes.length,
    blake3,
    sourceBlake3: blake3,
    blockCount: Math.ceil(bytes.length / blockBytes),
  };
}

export function keyOf(chunk: ChunkIdentity, bytes: Uint8Array): ChunkKey {
  return { dataset: chunk.dataset, index: chunk.index, blake3: hashOf(bytes) };
}

/** A source of blocks; `before` runs before each and may wait or throw. */
export function sourceOf(
  blocks: readonly BulkBlock[],
  before: (index: number, signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
): BulkSource {
  return {
    async *blocks(fromBlock, signal) {
      for (const block of blocks.slice(fromBlock)) {
        await before(block.index, signal);
        yield block;
      }
    },
  };
}

/** A wait that only an aborted signal ends. */
export function stall(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

export function offerBytes(world: KeeperWorld, bytes: Uint8Array): BulkTicket {
  return world.source.offer(sourceOf(blocksFrom(bytes)));
}

/** Stages and commits a chunk on one node. */
export async function storeOn(
  world: KeeperWorld,
  node: KeeperNode,
  chunk: ChunkIdentity,
  bytes: Uint8Array,
  as: WorkToken = token,
): Promise<void> {
  const { staged } = await world.until(
    node.ref.ask.stage({ chunk, from: offerBytes(world, bytes), token: as }),
  );
  await world.until(node.ref.ask.commit({ staged, seal: sealOf(bytes), token: as }));
}

/** The manifest of a data set whose chunks have these bytes, each with the same replicas. */
export function manifestOf(
  parts: readonly Uint8Array[],
  replicas: readonly { readonly node: string; readonly cloud: string }[],
): Manifest {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return {
    format: 1,
    dataset,
    name: 'weather',
    job: 'job-1',
    bytes,
    sourceBytes: bytes,
    blockBytes,
    transform: { name: 'verify', version: '1' },
    source: { node: 'a1', path: '/in', pin: { device: 1, inode: 2, bytes, modifiedMs: 3 } },
    createdMs: 4,
    chunks: parts.map((part, index) => ({
      index,
      sourceOffset: 0,
      sourceBytes: part.length,
      ...sealOf(part),
      replicas: replicas.map((replica) => ({ ...replica })),
      worker: 'a1',
      attempts: 1,
      processMs: 1,
      storeMs: 1,
    })),
  };
}

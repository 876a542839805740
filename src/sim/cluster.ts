import { nativeChecksum } from '../adapters/checksum/native-checksum.ts';
import type { Checksum } from '../ports/checksum.ts';
import type { Transport } from '../ports/transport.ts';
import type { Fact } from '../runtime/facts.ts';
import { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../runtime/simulation/simulated-disk.ts';
import type { DiskOperation } from '../runtime/simulation/simulated-disk-faults.ts';
import { SimulatedNetwork } from '../runtime/simulation/simulated-network.ts';
import { type ProcessClock, VirtualTime } from '../runtime/simulation/virtual-time.ts';
import { Ambushes } from './ambush.ts';
import { microtaskDrain } from './drain-microtasks.ts';
import type { Life, NodeWork, WorkPlace } from './life.ts';
import { SimulatedNode } from './node.ts';
import { RegistryClient, type RegistryRoad, registryPlace } from './registry-client.ts';
import { RegistryService } from './registry-service.ts';
import { betweenCloudsMs, Roads, withinCloudMs } from './roads.ts';
import { SimulatedBulk } from './simulated-bulk.ts';
import { Trace } from './trace.ts';

export interface SimulatedClusterOptions<Work extends NodeWork> {
  readonly seed: number;
  /** Lines of the transcript that are kept; 0 for none. */
  readonly keptLines: number;
  readonly start: (place: WorkPlace) => Promise<Work>;
  readonly onFact: (life: Life<Work>, fact: Fact) => void;
  readonly releasing: RegistryRoad['releasing'];
  readonly applied: RegistryRoad['applied'];
}

/** A whole cluster under one seed: 3 to 7 nodes over two clouds, the registry, and the roads between them. */
export class SimulatedCluster<Work extends NodeWork> {
  readonly seed: number;
  readonly time: VirtualTime = new VirtualTime(microtaskDrain());
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly ambushes: Ambushes = new Ambushes();
  readonly checksum: Checksum = nativeChecksum();
  readonly network: SimulatedNetwork;
  readonly roads: Roads;
  readonly bulk: SimulatedBulk;
  readonly registryDisk: SimulatedDisk;
  readonly service: RegistryService;
  readonly nodes: readonly SimulatedNode<Work>[];

  constructor(options: SimulatedClusterOptions<Work>) {
    this.seed = options.seed;
    this.random = new SeededRandom(options.seed);
    this.trace = new Trace(() => this.time.nowMs, options.keptLines);
    this.network = new SimulatedNetwork(this.time, this.random.fork('network'), {
      delayMs: withinCloudMs,
      jitterMs: withinCloudMs,
    });
    this.roads = new Roads(this.network);
    this.bulk = new SimulatedBulk(this.time, this.random.fork('bulk'), this.roads);
    this.roads.place(registryPlace, clouds[0]);
    this.registryDisk = this.#disk(registryPlace);
    this.service = new RegistryService({
      time: this.time,
      disk: this.registryDisk,
      checksum: this.checksum,
      told: (what) => this.trace.line(what),
    });
    const count = 3 + this.random.below(5);
    this.nodes = Array.from({ length: count }, (_, i) => this.#node(i, options));
    const [aws, gcp] = clouds;
    for (const [from, to] of [
      [aws, gcp],
      [gcp, aws],
    ] as const) {
      this.network.setQuality({ group: from }, { group: to }, betweenClouds);
    }
  }

  node(name: string): SimulatedNode<Work> | undefined {
    return this.nodes.find((node) => node.name === name);
  }

  #node(index: number, options: SimulatedClusterOptions<Work>): SimulatedNode<Work> {
    const cloud = clouds[index % 2] as string;
    const name = `${cloud}-${1 + (index >> 1)}`;
    this.roads.place(name, cloud);
    const random = this.random.fork(name);
    const registryRandom = random.fork('registry');
    return new SimulatedNode<Work>({
      name,
      cloud,
      time: this.time,
      random,
      disk: this.#disk(name),
      bulk: this.bulk,
      options: (process) => ({
        transport: this.#transport(process),
        registry: new RegistryClient(
          {
            time: this.time,
            random: registryRandom,
            roads: this.roads,
            service: this.service,
            releasing: options.releasing,
            applied: options.applied,
          },
          name,
          process,
        ),
      }),
      start: options.start,
      onFact: (life, fact) => {
        this.trace.line(`${name} ${describe(fact)}`);
        options.onFact(life, fact);
      },
      told: (what) => this.trace.line(`${name} ${what}`),
    });
  }

  #disk(name: string): SimulatedDisk {
    return new SimulatedDisk({
      random: this.random.fork(`disk ${name}`),
      latencyMs: (operation, random) => {
        if (!durable.has(operation)) return 0;
        this.ambushes.passed(name);
        return 0.2 + random.float();
      },
      capacityBytes: diskBytes,
    });
  }

  /** The network, with every frame that arrives in the trace. */
  #transport(process: ProcessClock): Transport {
    const inner = this.network.transport(process);
    const { trace, checksum } = this;
    return {
      attach: (node, listener) =>
        inner.attach(node, {
          ...listener,
          receive: (from, frame) => {
            trace.number(this.time.nowMs);
            trace.number(checksum.crc32c(frame));
            if (trace.kept) trace.note(`${node} <- ${from}: a frame of ${frame.length} bytes`);
            listener.receive(from, frame);
          },
        }),
    };
  }
}

const clouds = ['aws', 'gcp'] as const;
const betweenClouds = { delayMs: betweenCloudsMs, jitterMs: betweenCloudsMs };
/** Calls that wait for a device; the others come from memory and take no time. */
const durable: ReadonlySet<DiskOperation> = new Set(['write', 'sync', 'syncDirectory', 'rename']);
const diskBytes = 64 * 1024 * 1024;

function describe(fact: Fact): string {
  switch (fact.type) {
    case 'dead-letter': {
      const { state, code, protocol, message, target } = fact.letter;
      return `dead letter ${state} ${code} ${protocol}.${message} to ${target}`;
    }
    default:
      return Object.entries(fact)
        .map(([key, value]) => (key === 'type' ? String(value) : `${key}=${String(value)}`))
        .join(' ');
  }
}

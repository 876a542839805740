import { setImmediate } from 'node:timers/promises';
import { nativeChecksum } from '../../src/adapters/checksum/native-checksum.ts';
import type { KeyValueOperation } from '../../src/ports/registry.ts';
import { SeededRandom } from '../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../src/runtime/simulation/simulated-disk.ts';
import { SimulatedNetwork } from '../../src/runtime/simulation/simulated-network.ts';
import { type ProcessClock, VirtualTime } from '../../src/runtime/simulation/virtual-time.ts';
import { RegistryClient, registryPlace } from '../../src/sim/registry-client.ts';
import { RegistryService } from '../../src/sim/registry-service.ts';
import { type Cut, Roads } from '../../src/sim/roads.ts';

/** A registry in a process of its own, and nodes that reach it over roads. */
export class RegistryWorld {
  readonly time: VirtualTime = new VirtualTime(() => setImmediate());
  readonly random: SeededRandom = new SeededRandom(7);
  readonly roads: Roads = new Roads(new SimulatedNetwork(this.time, this.random.fork('network')));
  readonly disk: SimulatedDisk = new SimulatedDisk({
    random: this.random.fork('disk'),
    latencyMs: () => 0.1,
  });
  readonly told: string[] = [];
  readonly applied: KeyValueOperation[] = [];
  readonly released: string[] = [];
  readonly service: RegistryService;
  readonly processes: Map<string, ProcessClock> = new Map();
  readonly #cuts = new Map<string, Cut[]>();

  constructor(ttlMs = 3000) {
    this.roads.place(registryPlace, 'aws');
    this.service = new RegistryService({
      time: this.time,
      disk: this.disk,
      checksum: nativeChecksum(),
      ttlMs,
      told: (what) => this.told.push(what),
    });
  }

  client(node: string): RegistryClient {
    this.roads.place(node, 'aws');
    const process = this.time.process();
    this.processes.set(node, process);
    return new RegistryClient(
      {
        ...{ time: this.time, random: this.random, roads: this.roads, service: this.service },
        releasing: (by, key, token) => this.released.push(`${by} ${key} ${token}`),
        applied: (operations) => this.applied.push(...operations),
      },
      node,
      process,
    );
  }

  sever(node: string): void {
    const cuts = [this.roads.cut([node], [registryPlace]), this.roads.cut([registryPlace], [node])];
    this.#cuts.set(node, [...(this.#cuts.get(node) ?? []), ...cuts]);
  }

  mend(node: string): void {
    for (const cut of this.#cuts.get(node) ?? []) cut.mend();
    this.#cuts.delete(node);
  }

  advance(ms: number): Promise<void> {
    return this.time.run(this.time.nowMs + ms);
  }

  /** Lets time pass until the call has ended. */
  async settle<T>(call: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    call.then(end, end);
    for (let passedMs = 0; !ended && passedMs < 60_000; passedMs++) await this.advance(1);
    return call;
  }

  async up(): Promise<void> {
    for (let passedMs = 0; this.service.registry === undefined; passedMs++) {
      if (passedMs > 10_000) throw new Error('the registry does not start');
      await this.advance(1);
    }
  }
}

import { LoomError } from '../ports/loom-error.ts';
import type { KeyValueOperation, MemberDescription, Registry, RegistryHandle } from '../ports/registry.ts';
import type { EmbeddedRegistry } from '../registry/embedded/embedded-registry.ts';
import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import type { ProcessClock, VirtualTime } from '../runtime/simulation/virtual-time.ts';
import { ClientHandle, type HandleRoad } from './registry-client-handle.ts';
import type { RegistryService } from './registry-service.ts';
import type { Roads } from './roads.ts';

export interface RegistryRoad {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly roads: Roads;
  readonly service: RegistryService;
  /** A node lets go of a lease: from now on it may not act under it, whenever the registry hears of it. */
  readonly releasing: (node: string, key: string, token: number) => void;
  /** The registry has applied a transaction. */
  readonly applied: (operations: readonly KeyValueOperation[]) => void;
}

/** The name of the registry's place on the roads. */
export const registryPlace = 'registry';

/**
 * The registry as a process of a node sees it, over a network.
 *
 * C1. Calls keep their order, each way. A call that is cut off on its way there or back fails with
 *     REGISTRY_UNREACHABLE after `callMs`, and may have been carried out.
 * C2. What the node hears comes as events of its process.
 * C3. A registry that has started again knows no handle of before: their calls fail with EPOCH_ENDED.
 * C4. What a watch tells is kept while the road is cut: of states that are told meanwhile the last one comes after.
 */
export class RegistryClient implements Registry, HandleRoad {
  readonly #road: RegistryRoad;
  readonly #node: string;
  readonly #process: ProcessClock;
  readonly #freeAtMs = { there: 0, back: 0 };

  constructor(road: RegistryRoad, node: string, process: ProcessClock) {
    this.#road = road;
    this.#node = node;
    this.#process = process;
  }

  async join(member: MemberDescription): Promise<RegistryHandle> {
    const { service } = this.#road;
    let starts = 0;
    const inner = await this.call(undefined, (registry) => {
      starts = service.starts;
      return registry.join(member);
    });
    return new ClientHandle(this, inner, starts);
  }

  /** `ofStart`: the start of the registry that the caller's handle belongs to. */
  call<T>(ofStart: number | undefined, start: (registry: EmbeddedRegistry) => Promise<T>): Promise<T> {
    const { service } = this.#road;
    const process = this.#process;
    return new Promise((resolve, reject) => {
      const limit = process.after(callMs, () => reject(this.#unreachable('no answer')));
      const answer = (settle: () => void): void => {
        this.#carry('back', () => {
          process.enter(() => {
            limit.cancel();
            settle();
          });
        });
      };
      this.#carry('there', () => {
        service.process.enter(() => {
          const { registry } = service;
          if (registry === undefined) {
            answer(() => reject(this.#unreachable('it is down')));
          } else if (ofStart !== undefined && ofStart !== service.starts) {
            answer(() =>
              reject(new LoomError('EPOCH_ENDED', `the registry started again since ${this.#node} joined`)),
            );
          } else {
            const by = service.process;
            start(registry).then(
              (value) => {
                if (!by.killed) answer(() => resolve(value));
              },
              (error: unknown) => {
                if (!by.killed) answer(() => reject(LoomError.from(error)));
              },
            );
          }
        });
      });
    });
  }

  /** What brings the states of one watch to the node: in order, of those that wait together only the last. */
  teller(by: ProcessClock, open: () => boolean): (run: () => void) => void {
    const { time } = this.#road;
    let newest: (() => void) | undefined;
    const attempt = (): void => {
      const run = newest;
      if (run === undefined || !open() || by.killed || this.#process.killed) return;
      if (this.#isCut('back')) {
        time.at(time.nowMs + retellMs, attempt);
        return;
      }
      newest = undefined;
      this.#process.enter(() => (open() ? run() : undefined));
    };
    return (run) => {
      if (newest === undefined) time.at(this.#arrivesAtMs('back'), attempt);
      newest = run;
    };
  }

  #carry(way: 'there' | 'back', run: () => void): void {
    if (this.#isCut(way)) return;
    this.#road.time.at(this.#arrivesAtMs(way), () => {
      if (!this.#isCut(way)) run();
    });
  }

  #isCut(way: 'there' | 'back'): boolean {
    const { roads } = this.#road;
    return way === 'there' ? roads.isCut(this.#node, registryPlace) : roads.isCut(registryPlace, this.#node);
  }

  #arrivesAtMs(way: 'there' | 'back'): number {
    const { time, random, roads } = this.#road;
    const delayMs = roads.delayMs(this.#node, registryPlace) * (1 + random.float());
    const atMs = Math.max(time.nowMs + delayMs, this.#freeAtMs[way]);
    this.#freeAtMs[way] = atMs;
    return atMs;
  }

  #unreachable(why: string): LoomError {
    return new LoomError('REGISTRY_UNREACHABLE', `${this.#node} to the registry: ${why}`, {
      details: { node: this.#node },
    });
  }

  releasing(key: string, token: number): void {
    this.#road.releasing(this.#node, key, token);
  }

  applied(operations: readonly KeyValueOperation[]): void {
    this.#road.applied(operations);
  }

  get process(): ProcessClock {
    return this.#process;
  }

  get service(): RegistryService {
    return this.#road.service;
  }
}

const callMs = 1500;
const retellMs = 100;

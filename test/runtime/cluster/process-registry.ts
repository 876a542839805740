import type {
  KeyValueOperation,
  LeaseProof,
  Registry,
  RegistryHandle,
  RegistrySubscription,
} from '../../../src/ports/registry.ts';
import type { ProcessClock, VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';

export interface ProcessRegistryOptions {
  readonly registry: Registry;
  readonly process: ProcessClock;
  readonly time: VirtualTime;
  /** How long a call or an answer is on its way; each keeps its order. 0 when absent. */
  readonly delayMs?: () => number;
}

/**
 * The registry as one simulated process sees it. A promise goes on as a microtask whoever waits for it, so that without
 * this a frozen or killed process would act on what the registry answers.
 *
 * PR1. Answers and the calls of watches are events of the process: a frozen one gets them at its thaw, in order, a
 *      killed one never.
 * PR2. A call that has left arrives, whatever becomes of its process; a killed process makes none.
 */
export function processRegistry(options: ProcessRegistryOptions): Registry {
  const road = new Road(options);
  return {
    join: (member) => road.call(async () => new ProcessHandle(await options.registry.join(member), road)),
  };
}

/** Both directions between a process and the registry. */
class Road {
  readonly #process: ProcessClock;
  readonly #time: VirtualTime;
  readonly #delayMs: () => number;
  #thereFreeMs = 0;
  #backFreeMs = 0;

  constructor({ process, time, delayMs = () => 0 }: ProcessRegistryOptions) {
    this.#process = process;
    this.#time = time;
    this.#delayMs = delayMs;
  }

  call<Answer>(start: () => Promise<Answer>): Promise<Answer> {
    if (this.#process.killed) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      this.#thereFreeMs = this.#after(this.#thereFreeMs, () => {
        start().then(
          (answer) => this.back(() => resolve(answer)),
          (error: Error) => this.back(() => reject(error)),
        );
      });
    });
  }

  /** An event of the process that the registry causes. */
  back(run: () => void): void {
    this.#backFreeMs = this.#after(this.#backFreeMs, () => this.#process.enter(run));
  }

  /** Answers when the road is free again. Without a delay nothing is put off, so that order needs no event. */
  #after(freeMs: number, run: () => void): number {
    const atMs = Math.max(freeMs, this.#time.nowMs + this.#delayMs());
    if (atMs > this.#time.nowMs) this.#time.at(atMs, run);
    else run();
    return atMs;
  }
}

class ProcessHandle implements RegistryHandle {
  readonly #inner: RegistryHandle;
  readonly #road: Road;

  constructor(inner: RegistryHandle, road: Road) {
    this.#inner = inner;
    this.#road = road;
  }

  get node(): string {
    return this.#inner.node;
  }

  get epoch(): number {
    return this.#inner.epoch;
  }

  get ttlMs(): number {
    return this.#inner.ttlMs;
  }

  renew(): ReturnType<RegistryHandle['renew']> {
    return this.#road.call(() => this.#inner.renew());
  }

  setState(...state: Parameters<RegistryHandle['setState']>): ReturnType<RegistryHandle['setState']> {
    return this.#road.call(() => this.#inner.setState(...state));
  }

  members(): ReturnType<RegistryHandle['members']> {
    return this.#road.call(() => this.#inner.members());
  }

  watchMembers(listener: Parameters<RegistryHandle['watchMembers']>[0]): RegistrySubscription {
    return this.#watch((told) => this.#inner.watchMembers((view) => told(() => listener(view))));
  }

  acquire(key: string): ReturnType<RegistryHandle['acquire']> {
    return this.#road.call(() => this.#inner.acquire(key));
  }

  release(key: string, token: number): ReturnType<RegistryHandle['release']> {
    return this.#road.call(() => this.#inner.release(key, token));
  }

  leases(prefix: string): ReturnType<RegistryHandle['leases']> {
    return this.#road.call(() => this.#inner.leases(prefix));
  }

  get(key: string): ReturnType<RegistryHandle['get']> {
    return this.#road.call(() => this.#inner.get(key));
  }

  list(prefix: string): ReturnType<RegistryHandle['list']> {
    return this.#road.call(() => this.#inner.list(prefix));
  }

  transact(
    operations: readonly KeyValueOperation[],
    lease?: LeaseProof,
  ): ReturnType<RegistryHandle['transact']> {
    return this.#road.call(() => this.#inner.transact(operations, lease));
  }

  watch(prefix: string, listener: Parameters<RegistryHandle['watch']>[1]): RegistrySubscription {
    return this.#watch((told) =>
      this.#inner.watch(prefix, (pairs, revision) => told(() => listener(pairs, revision))),
    );
  }

  leave(): ReturnType<RegistryHandle['leave']> {
    return this.#road.call(() => this.#inner.leave());
  }

  close(): void {
    this.#inner.close();
  }

  /** Nothing is told after the subscription was closed, also what was on its way. */
  #watch(begin: (told: (run: () => void) => void) => RegistrySubscription): RegistrySubscription {
    let open = true;
    const inner = begin((run) => {
      this.#road.back(() => {
        if (open) run();
      });
    });
    return {
      close: () => {
        open = false;
        inner.close();
      },
    };
  }
}

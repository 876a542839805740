import { LoomError } from '../ports/loom-error.ts';
import type {
  KeyValueOperation,
  LeaseProof,
  MemberState,
  RegistryHandle,
  RegistrySubscription,
  TransactionAnswer,
} from '../ports/registry.ts';
import type { EmbeddedRegistry } from '../registry/embedded/embedded-registry.ts';
import type { ProcessClock } from '../runtime/simulation/virtual-time.ts';
import type { RegistryService } from './registry-service.ts';

/** What a handle needs of the way to the registry. */
export interface HandleRoad {
  readonly process: ProcessClock;
  readonly service: RegistryService;
  call<T>(ofStart: number | undefined, start: (registry: EmbeddedRegistry) => Promise<T>): Promise<T>;
  teller(by: ProcessClock, open: () => boolean): (run: () => void) => void;
  releasing(key: string, token: number): void;
  applied(operations: readonly KeyValueOperation[]): void;
}

/** Before a watch that could not be begun is asked for again. */
const againMs = 100;

/** What a node holds of a registry that it reaches over a network. */
export class ClientHandle implements RegistryHandle {
  readonly node: string;
  readonly epoch: number;
  readonly ttlMs: number;
  readonly #client: HandleRoad;
  readonly #inner: RegistryHandle;
  readonly #start: number;
  #closed = false;

  constructor(client: HandleRoad, inner: RegistryHandle, start: number) {
    this.#client = client;
    this.#inner = inner;
    this.#start = start;
    this.node = inner.node;
    this.epoch = inner.epoch;
    this.ttlMs = inner.ttlMs;
  }

  renew(): Promise<void> {
    return this.#call((inner) => inner.renew());
  }

  setState(state: MemberState): Promise<void> {
    return this.#call((inner) => inner.setState(state));
  }

  members(): ReturnType<RegistryHandle['members']> {
    return this.#call((inner) => inner.members());
  }

  acquire(key: string): ReturnType<RegistryHandle['acquire']> {
    return this.#call((inner) => inner.acquire(key));
  }

  release(key: string, token: number): Promise<void> {
    this.#client.releasing(key, token);
    return this.#call((inner) => inner.release(key, token));
  }

  leases(prefix: string): ReturnType<RegistryHandle['leases']> {
    return this.#call((inner) => inner.leases(prefix));
  }

  get(key: string): ReturnType<RegistryHandle['get']> {
    return this.#call((inner) => inner.get(key));
  }

  list(prefix: string): ReturnType<RegistryHandle['list']> {
    return this.#call((inner) => inner.list(prefix));
  }

  transact(operations: readonly KeyValueOperation[], lease?: LeaseProof): Promise<TransactionAnswer> {
    const own = operations.map((one) =>
      one.op === 'set' ? { ...one, value: one.value.slice() } : { ...one },
    );
    return this.#call(async (inner) => {
      const answer = await inner.transact(own, lease);
      if (answer.kind === 'applied') this.#client.applied(own);
      return answer;
    });
  }

  leave(): Promise<void> {
    return this.#call((inner) => inner.leave());
  }

  watchMembers(...[listener]: Parameters<RegistryHandle['watchMembers']>): RegistrySubscription {
    return this.#watch((tell) => this.#inner.watchMembers((view) => tell(() => listener(view))));
  }

  watch(...[prefix, listener]: Parameters<RegistryHandle['watch']>): RegistrySubscription {
    return this.#watch((tell) =>
      this.#inner.watch(prefix, (pairs, revision) => tell(() => listener(pairs, revision))),
    );
  }

  close(): void {
    this.#closed = true;
    // Its process may be gone; then there is nothing to close there.
    if (this.#lives) this.#inner.close();
  }

  get #lives(): boolean {
    return this.#client.service.starts === this.#start && this.#client.service.registry !== undefined;
  }

  #call<T>(start: (inner: RegistryHandle) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closedError());
    return this.#client
      .call(this.#start, () => start(this.#inner))
      .then(
        (value) => {
          if (this.#closed) throw this.#closedError();
          return value;
        },
        (error: unknown) => {
          throw this.#closed ? this.#closedError() : error;
        },
      );
  }

  /** The registry's side of a watch is asked for by a call and closed by one; the node's side ends at once. */
  #watch(begin: (tell: (run: () => void) => void) => RegistrySubscription): RegistrySubscription {
    if (this.#closed) throw this.#closedError();
    let open = true;
    let inner: RegistrySubscription | undefined;
    const by = this.#client.service.process;
    const isOpen = (): boolean => open && !this.#closed;
    const subscribe = (): void => {
      this.#call(() => {
        const tell = this.#client.teller(by, isOpen);
        inner = begin((run) => {
          // The system of a killed process closes its connections, and the registry what hung on them.
          if (isOpen() && !this.#client.process.killed) tell(run);
          else this.#inner.close();
        });
        return Promise.resolve();
      }).catch((error: unknown) => {
        // Asked for again until it is there: a watch begins with the present state, whenever that is.
        const ended = LoomError.from(error).code === 'EPOCH_ENDED';
        if (isOpen() && inner === undefined && !ended) this.#client.process.after(againMs, subscribe);
      });
    };
    subscribe();
    return {
      close: () => {
        open = false;
        if (this.#lives) inner?.close();
      },
    };
  }

  #closedError(): LoomError {
    return new LoomError('STALE_INCARNATION', `the registry handle of ${this.node} is closed`);
  }
}

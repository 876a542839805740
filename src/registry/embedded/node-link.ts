import { LoomError } from '../../ports/loom-error.ts';

/**
 * The road from one node to the registry, which a cut severs (R6). Calls that are under way when it is cut fail at
 * once, and what became of them stays unknown to the caller, as on a real network.
 */
export class NodeLink {
  readonly node: string;
  readonly #calls: Set<Call> = new Set();
  #severed = false;

  constructor(node: string) {
    this.node = node;
  }

  get severed(): boolean {
    return this.#severed;
  }

  /** Carries out a call for `owner`, unless the road is cut before or meanwhile (REGISTRY_UNREACHABLE). */
  call<Answer>(owner: object, start: () => Promise<Answer>): Promise<Answer> {
    if (this.#severed) return Promise.reject(this.#unreachable());
    return new Promise((resolve, reject) => {
      const call: Call = { owner, fail: reject };
      this.#calls.add(call);
      start().then(
        (answer) => {
          if (this.#calls.delete(call)) resolve(answer);
        },
        (thrown: unknown) => {
          // A call that was failed already has its error: the answer to it is the one that a cut has lost.
          if (this.#calls.delete(call)) reject(LoomError.from(thrown));
        },
      );
    });
  }

  sever(): void {
    this.#severed = true;
    this.#fail(() => true, this.#unreachable());
  }

  mend(): void {
    this.#severed = false;
  }

  /** Fails the calls of one owner that are under way. */
  drop(owner: object, error: LoomError): void {
    this.#fail((call) => call.owner === owner, error);
  }

  #fail(chosen: (call: Call) => boolean, error: LoomError): void {
    for (const call of [...this.#calls]) {
      if (!chosen(call)) continue;
      this.#calls.delete(call);
      call.fail(error);
    }
  }

  #unreachable(): LoomError {
    return new LoomError('REGISTRY_UNREACHABLE', `${this.node} is cut off from the registry`, {
      details: { node: this.node },
    });
  }
}

interface Call {
  readonly owner: object;
  fail(error: LoomError): void;
}

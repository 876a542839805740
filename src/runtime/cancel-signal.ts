/** What an ask or a subscription listens to for its cancellation: an AbortSignal, or a scope of the engine. */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * The engine's own signal, for everything that ends with one turn or one incarnation: it costs a tenth of an
 * AbortSignal, and takes as many listeners as there are asks without a warning.
 */
export class CancelScope implements CancelSignal {
  readonly #listeners = new Set<() => void>();
  #aborted = false;

  get aborted(): boolean {
    return this.#aborted;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

/** Aborted as soon as one of its sources is; a listener may hear of each of them. */
export class EitherSignal implements CancelSignal {
  readonly #sources: readonly CancelSignal[];

  constructor(sources: readonly CancelSignal[]) {
    this.#sources = sources;
  }

  get aborted(): boolean {
    return this.#sources.some((source) => source.aborted);
  }

  addEventListener(type: 'abort', listener: () => void): void {
    for (const source of this.#sources) source.addEventListener(type, listener);
  }

  removeEventListener(type: 'abort', listener: () => void): void {
    for (const source of this.#sources) source.removeEventListener(type, listener);
  }
}

import { LoomError } from '../ports/loom-error.ts';

/**
 * Ports that belong to one incarnation of an actor (design, "The way of one message", step 6). A port has methods;
 * what else it shows is handed out as it is.
 *
 * G1. After `revoke`, every call throws or rejects with STALE_INCARNATION and reaches nothing; only closing again is
 *     harmless.
 * G2. A promise or iteration that was under way when `revoke` came rejects with STALE_INCARNATION: late answers are
 *     refused, so a forgotten continuation cannot act on them.
 * G3. A handle (any object with a `close` method) that a guarded call gave out is guarded too, and closed by `revoke`;
 *     so is an iteration that was begun.
 */
export class PortGuard {
  #revoked = false;
  readonly #handles = new Set<Handle>();
  readonly #report: (error: unknown) => void;

  /** `report` hears of handles whose close failed at `revoke`. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** The proxy stands on an object of its own, since that of a frozen port would have to show its methods unguarded. */
  guard<T extends object>(port: T): T {
    return new Proxy(Object.create(Reflect.getPrototypeOf(port)) as T, {
      get: (_own, property) => this.#member(port, property),
      has: (_own, property) => Reflect.has(port, property),
      set: () => false,
    });
  }

  revoke(): void {
    this.#revoked = true;
    for (const handle of this.#handles) this.#close(handle);
    this.#handles.clear();
  }

  #member(port: object, property: string | symbol): unknown {
    const value: unknown = Reflect.get(port, property, port);
    if (typeof value !== 'function') return value;
    if (property === Symbol.asyncIterator) return () => this.#iterator(port as AsyncIterable<unknown>);
    if (closing.has(property)) {
      return (...rest: unknown[]): unknown => {
        if (this.#revoked) return Promise.resolve();
        this.#handles.delete(port as Handle);
        return Reflect.apply(value, port, rest);
      };
    }
    return (...rest: unknown[]): unknown => {
      this.#check(String(property));
      return this.#answer(Reflect.apply(value, port, rest), String(property));
    };
  }

  #check(call: string): void {
    if (this.#revoked) throw new LoomError('STALE_INCARNATION', `${call} after the incarnation's end`);
  }

  #answer(answer: unknown, call: string): unknown {
    if (answer instanceof Promise) {
      return answer.then(
        (value: unknown) => {
          const guarded = this.#answer(value, call);
          this.#check(call);
          return guarded;
        },
        (error: unknown) => {
          this.#check(call);
          throw error;
        },
      );
    }
    if (typeof answer !== 'object' || answer === null) return answer;
    if ('close' in answer && typeof answer.close === 'function') {
      const handle = answer as Handle;
      if (this.#revoked) this.#close(handle);
      else this.#handles.add(handle);
      return this.guard(handle);
    }
    if (Symbol.asyncIterator in answer) return this.guard(answer);
    return answer;
  }

  #close(handle: Handle): void {
    try {
      const closed = handle.close();
      if (closed instanceof Promise) closed.catch(this.#report);
    } catch (error) {
      this.#report(error);
    }
  }

  #iterator(target: AsyncIterable<unknown>): AsyncIterator<unknown> {
    this.#check('iteration');
    const inner = target[Symbol.asyncIterator]();
    const begun = { close: () => inner.return?.() };
    this.#handles.add(begun);
    return {
      next: async () => {
        this.#check('next');
        const result = await (this.#answer(inner.next(), 'next') as Promise<IteratorResult<unknown>>);
        if (result.done === true) this.#handles.delete(begun);
        return result;
      },
      return: async () => {
        const open = this.#handles.delete(begun);
        if (open) await inner.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}

interface Handle {
  close(): unknown;
}

const closing: ReadonlySet<string | symbol> = new Set(['close', Symbol.dispose, Symbol.asyncDispose]);

import { LoomError } from '../ports/loom-error.ts';

/**
 * Ports that belong to one incarnation of an actor (design, "The way of one message", step 6).
 *
 * G1. After `revoke`, every call throws or rejects with STALE_INCARNATION and reaches nothing.
 * G2. A promise or iteration that was under way when `revoke` came rejects with STALE_INCARNATION: late answers are
 *     refused, so a forgotten continuation cannot act on them.
 * G3. A handle (any object with a `close` method) that a guarded call gave out is guarded too, and closed by `revoke`.
 */
export class PortGuard {
  #revoked = false;
  readonly #handles = new Set<{ close(): unknown }>();
  readonly #report: (error: unknown) => void;

  /** `report` hears of handles whose close failed at `revoke`. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  guard<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        if (property === Symbol.asyncIterator) return () => this.#iterator(target as AsyncIterable<unknown>);
        return (...rest: unknown[]): unknown => {
          if (property === 'close') this.#handles.delete(target as { close(): unknown });
          else this.#check(String(property));
          return this.#answer(Reflect.apply(value, target, rest), String(property));
        };
      },
    });
  }

  revoke(): void {
    this.#revoked = true;
    for (const handle of this.#handles) {
      try {
        const closed = handle.close();
        if (closed instanceof Promise) closed.catch(this.#report);
      } catch (error) {
        this.#report(error);
      }
    }
    this.#handles.clear();
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
      const handle = answer as { close(): unknown };
      if (this.#revoked) this.#closeLate(handle);
      else this.#handles.add(handle);
      return this.guard(handle);
    }
    if (Symbol.asyncIterator in answer) return this.guard(answer);
    return answer;
  }

  #closeLate(handle: { close(): unknown }): void {
    const closed = handle.close();
    if (closed instanceof Promise) closed.catch(this.#report);
  }

  #iterator(target: AsyncIterable<unknown>): AsyncIterator<unknown> {
    this.#check('iteration');
    const inner = target[Symbol.asyncIterator]();
    return {
      next: () => this.#answer(inner.next(), 'next') as Promise<IteratorResult<unknown>>,
      return: () => inner.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    };
  }
}

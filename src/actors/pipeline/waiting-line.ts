import { LoomError } from '../../ports/loom-error.ts';

/** Runs pieces of work in the order in which they came, a few at once. */
export class WaitingLine {
  readonly #atOnce: number;
  readonly #waiting: (() => void)[] = [];
  readonly #mostWaiting: number;
  #running = 0;

  constructor(atOnce: number, mostWaiting: number) {
    this.#atOnce = atOnce;
    this.#mostWaiting = mostWaiting;
  }

  /** KEEPER_BUSY when too many wait; CANCELLED when nobody wants the work any more once it could begin. */
  async run<T>(wanted: () => boolean, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await this.#turn();
    else this.#running++;
    try {
      if (!wanted()) throw new LoomError('CANCELLED', 'the caller gave up before its turn came');
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#mostWaiting) {
      return Promise.reject(new LoomError('KEEPER_BUSY', `${this.#waiting.length} others wait already`));
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

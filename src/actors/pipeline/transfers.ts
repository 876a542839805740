import { LoomError } from '../../ports/loom-error.ts';

/** Work that a keeper does outside its turns for one caller. */
interface Transfer {
  readonly dataset: string;
  readonly abort: AbortController;
  /** False once the caller has given up. */
  readonly wanted: () => boolean;
}

/** What a transfer may learn while it runs. */
export interface TransferScope {
  /** Aborted when the caller gives up, the data set is forgotten, or the keeper ends. */
  readonly signal: AbortSignal;
}

/** The transfers of a keeper that run now: bounded in number, each ended from outside when nobody wants it any more. */
export class Transfers {
  readonly #limit: number;
  readonly #running: Set<Transfer> = new Set();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#running.size;
  }

  /** Starts a transfer. KEEPER_BUSY when as many as may run do. */
  async run<T>(
    dataset: string,
    wanted: () => boolean,
    work: (scope: TransferScope) => Promise<T>,
  ): Promise<T> {
    if (this.#running.size >= this.#limit) {
      throw new LoomError('KEEPER_BUSY', `${this.#limit} transfers are under way`);
    }
    const transfer = { dataset, wanted, abort: new AbortController() };
    this.#running.add(transfer);
    try {
      return await work(transfer.abort);
    } finally {
      this.#running.delete(transfer);
    }
  }

  /** Ends those that nobody waits for any more. */
  sweep(): void {
    for (const { wanted, abort } of this.#running) {
      if (!wanted()) abort.abort(new LoomError('CANCELLED', 'the caller gave up'));
    }
  }

  cancelDataset(dataset: string): void {
    for (const transfer of this.#running) {
      if (transfer.dataset === dataset)
        transfer.abort.abort(new LoomError('CANCELLED', `${dataset} is forgotten`));
    }
  }

  close(): void {
    for (const { abort } of this.#running) abort.abort(new LoomError('CANCELLED', 'the keeper ended'));
  }
}

/** What hears of the end of its turn: a cell, told with the incarnation that began the turn. */
interface Settling<Context> {
  settled(context: Context, failed: boolean, value: unknown): void;
}

/** Waits for the promise of one asynchronous turn. */
interface TurnWait<Context> {
  cell: Settling<Context> | undefined;
  context: Context | undefined;
  readonly fulfilled: (value: unknown) => void;
  readonly rejected: (error: unknown) => void;
}

/**
 * The waits of a node's asynchronous turns. One that is over serves a later turn: made anew for each turn they cost
 * time, and kept by each actor they cost 200 bytes for as long as it idles.
 */
export class TurnWaits<Context> {
  readonly #idle: TurnWait<Context>[] = [];

  wait(cell: Settling<Context>, context: Context, turn: Promise<unknown>): void {
    const wait = this.#idle.pop() ?? this.#make();
    wait.cell = cell;
    wait.context = context;
    turn.then(wait.fulfilled, wait.rejected);
  }

  #make(): TurnWait<Context> {
    const wait: TurnWait<Context> = {
      cell: undefined,
      context: undefined,
      fulfilled: (value) => {
        this.#over(wait, false, value);
      },
      rejected: (error) => {
        this.#over(wait, true, error);
      },
    };
    return wait;
  }

  #over(wait: TurnWait<Context>, failed: boolean, value: unknown): void {
    const cell = wait.cell as Settling<Context>;
    const context = wait.context as Context;
    wait.cell = undefined;
    wait.context = undefined;
    if (this.#idle.length < idleMax) this.#idle.push(wait);
    cell.settled(context, failed, value);
  }
}

/** Waits that are kept for later turns. */
const idleMax = 1024;

import type { Cell, Incarnation } from './cell.ts';

/** Waits for the promise of one asynchronous turn. */
interface TurnWait {
  cell: Cell | undefined;
  context: Incarnation | undefined;
  readonly fulfilled: (value: unknown) => void;
  readonly rejected: (error: unknown) => void;
}

/**
 * The waits of a node's asynchronous turns. One that is over serves a later turn: made anew for each turn they cost
 * time, and kept by each actor they cost 200 bytes for as long as it idles.
 */
export class TurnWaits {
  readonly #idle: TurnWait[] = [];

  wait(cell: Cell, context: Incarnation, turn: Promise<unknown>): void {
    const wait = this.#idle.pop() ?? this.#make();
    wait.cell = cell;
    wait.context = context;
    turn.then(wait.fulfilled, wait.rejected);
  }

  #make(): TurnWait {
    const wait: TurnWait = {
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

  #over(wait: TurnWait, failed: boolean, value: unknown): void {
    const cell = wait.cell as Cell;
    const context = wait.context as Incarnation;
    wait.cell = undefined;
    wait.context = undefined;
    if (this.#idle.length < idleMax) this.#idle.push(wait);
    cell.settled(context, failed, value);
  }
}

/** Waits that are kept for later turns. */
const idleMax = 1024;

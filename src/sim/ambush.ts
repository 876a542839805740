/** Faults that wait for a moment at which their victim depends on its disk: just before or after a write or a sync. */
export class Ambushes {
  readonly #waiting = new Map<string, Ambush[]>();

  /** Springs at the `n`th durable call of a disk from now; the answer takes it away and says whether it has sprung. */
  lay(disk: string, n: number, spring: () => void): { lift(): boolean } {
    const ambush: Ambush = { left: n, spring };
    this.#waiting.set(disk, [...(this.#waiting.get(disk) ?? []), ambush]);
    return {
      lift: () => {
        this.#remove(disk, ambush);
        return ambush.left <= 0;
      },
    };
  }

  /** A disk has been asked for something durable. */
  passed(disk: string): void {
    const ambushes = this.#waiting.get(disk);
    if (ambushes === undefined) return;
    for (const ambush of ambushes) {
      if (--ambush.left > 0) continue;
      this.#remove(disk, ambush);
      ambush.spring();
    }
  }

  #remove(disk: string, ambush: Ambush): void {
    const left = (this.#waiting.get(disk) ?? []).filter((other) => other !== ambush);
    if (left.length > 0) this.#waiting.set(disk, left);
    else this.#waiting.delete(disk);
  }
}

interface Ambush {
  left: number;
  readonly spring: () => void;
}

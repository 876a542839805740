import type { Disk } from '../../ports/disk.ts';

/** Syncs folders; those who ask for a folder while it is being synced share the next sync of it. */
export class DirectorySync {
  readonly #disk: Disk;
  readonly #running: Map<string, Promise<void>> = new Map();
  readonly #next: Map<string, Promise<void>> = new Map();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Resolves once a sync that began after this call has ended. */
  sync(directory: string): Promise<void> {
    const running = this.#running.get(directory);
    if (running === undefined) return this.#start(directory);
    let next = this.#next.get(directory);
    if (next === undefined) {
      // When the running sync fails this one must not be tried: its rejection is passed on.
      next = running.then(
        () => this.#startNext(directory),
        (thrown: unknown) => {
          this.#next.delete(directory);
          throw thrown;
        },
      );
      this.#next.set(directory, next);
    }
    return next;
  }

  #startNext(directory: string): Promise<void> {
    this.#next.delete(directory);
    return this.#start(directory);
  }

  #start(directory: string): Promise<void> {
    const running = this.#disk.syncDirectory(directory).finally(() => {
      if (this.#running.get(directory) === running) this.#running.delete(directory);
    });
    this.#running.set(directory, running);
    return running;
  }
}

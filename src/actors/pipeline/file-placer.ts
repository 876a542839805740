import type { Disk, DiskFile } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Random } from '../../ports/random.ts';
import { DirectorySync } from './directory-sync.ts';

/** A file under a temporary name. */
export interface PartFile {
  readonly file: DiskFile;
  readonly path: string;
}

export interface FilePlacerOptions {
  readonly disk: Disk;
  readonly random: Random;
  /** Where temporary files lie; on the same volume as the places. */
  readonly incoming: string;
  readonly powerSafe: boolean;
}

/**
 * Brings files to their names: written apart, synced, renamed, the folder synced.
 *
 * P1. Under its final name a file is whole: it is renamed only after all of it was written and, power-safe, synced.
 * P2. `place` resolves only after the name is durable; renames into one folder that end together share one sync.
 * P3. After a failed sync nothing is placed any more (STORE_STOPPED), and no sync is tried again.
 */
export class FilePlacer {
  readonly #options: FilePlacerOptions;
  readonly #directorySync: DirectorySync;
  readonly #directories: Map<string, Promise<void>> = new Map();
  #stopped: LoomError | undefined;

  constructor(options: FilePlacerOptions) {
    this.#options = options;
    this.#directorySync = new DirectorySync(options.disk);
  }

  /** Throws STORE_STOPPED after a failed sync. */
  checkRunning(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  async newPart(): Promise<PartFile> {
    this.checkRunning();
    const path = `${this.#options.incoming}/${this.#options.random.hex(16)}.part`;
    return { path, file: await this.#options.disk.open(path, 'create') };
  }

  /** Closes and removes a part. */
  async discard(part: PartFile): Promise<void> {
    await part.file.close();
    await this.#options.disk.remove(part.path);
  }

  /** Removes a part after a failure, which is what the caller must hear of. */
  async abandon(part: PartFile): Promise<void> {
    try {
      await this.discard(part);
    } catch (thrown) {
      // A disk may refuse this too, or the part has its name already. What is left lies under a temporary name, where
      // the next open of the store removes it.
      if (!(thrown instanceof LoomError)) throw thrown;
    }
  }

  /** Brings a part to `name` in `directory`, which is made when it is missing; replaces what was there. */
  async place(part: PartFile, directory: string, name: string): Promise<void> {
    this.checkRunning();
    if (this.#options.powerSafe) await this.#stopOnFailure(() => part.file.sync());
    await part.file.close();
    await this.makeDirectory(directory);
    this.checkRunning();
    await this.#options.disk.rename(part.path, `${directory}/${name}`);
    await this.syncDirectory(directory);
  }

  async remove(directory: string, name: string): Promise<void> {
    this.checkRunning();
    await this.#options.disk.remove(`${directory}/${name}`);
    await this.syncDirectory(directory);
  }

  async removeDirectory(directory: string): Promise<void> {
    this.checkRunning();
    this.#directories.delete(directory);
    await this.#options.disk.removeTree(directory);
    await this.syncDirectory(parentOf(directory));
  }

  /** Makes a folder in an existing one, durably; once for each folder. */
  makeDirectory(directory: string): Promise<void> {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    const made = this.#makeDirectory(directory).catch((thrown: unknown) => {
      this.#directories.delete(directory);
      throw thrown;
    });
    this.#directories.set(directory, made);
    return made;
  }

  async #makeDirectory(directory: string): Promise<void> {
    await this.#options.disk.makeDirectory(directory);
    await this.syncDirectory(parentOf(directory));
  }

  async syncDirectory(directory: string): Promise<void> {
    if (this.#options.powerSafe) await this.#stopOnFailure(() => this.#directorySync.sync(directory));
  }

  async #stopOnFailure(sync: () => Promise<void>): Promise<void> {
    try {
      await sync();
    } catch (thrown) {
      const cause = LoomError.from(thrown, 'DISK_IO');
      this.#stopped ??= new LoomError('STORE_STOPPED', cause.message, {
        cause,
        details: { reason: cause.code },
      });
      throw this.#stopped;
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

import type { Checksum } from '../ports/checksum.ts';
import type { LoomError } from '../ports/loom-error.ts';
import { type EmbeddedRegistry, openEmbeddedRegistry } from '../registry/embedded/embedded-registry.ts';
import { registryJournal } from '../registry/embedded/registry-journal.ts';
import type { SimulatedDisk } from '../runtime/simulation/simulated-disk.ts';
import type { ProcessClock, VirtualTime } from '../runtime/simulation/virtual-time.ts';
import { type Restart, restartAfter } from './life.ts';

export interface RegistryServiceParts {
  readonly time: VirtualTime;
  readonly disk: SimulatedDisk;
  readonly checksum: Checksum;
  /** How long an epoch lives without a renewal; default 3,000. */
  readonly ttlMs?: number;
  /** What it tells of itself, for the transcript. */
  readonly told: (what: string) => void;
}

/**
 * The registry as a process of its own with its own disk, which can be killed and started again.
 *
 * It starts again by itself when its journal has stopped, as a supervised process would.
 */
export class RegistryService {
  readonly #parts: RegistryServiceParts;
  #process: ProcessClock;
  #registry: EmbeddedRegistry | undefined = undefined;
  /** Grows with each start: a handle of an earlier one is of an epoch that has ended. */
  #starts = 0;

  constructor(parts: RegistryServiceParts) {
    this.#parts = parts;
    this.#process = parts.time.process();
    this.#start();
  }

  get process(): ProcessClock {
    return this.#process;
  }

  get starts(): number {
    return this.#starts;
  }

  /** Undefined while it starts or is down. */
  get registry(): EmbeddedRegistry | undefined {
    return this.#registry;
  }

  /** Whether an epoch lives, as the registry sees it; false while it is down. */
  holds(node: string, epoch: number): boolean {
    const members = this.#registry?.listAll().members ?? [];
    return members.some((member) => member.node === node && member.epoch === epoch);
  }

  /** Ends it at once, and starts it again after `downMs`. */
  restart(how: Restart, downMs: number): void {
    const { disk, time, told } = this.#parts;
    told(`registry ${how}`);
    this.#process.kill();
    this.#registry?.crash();
    this.#registry = undefined;
    if (how === 'power-loss') disk.powerLoss();
    else disk.processCrash();
    this.#process = time.process();
    const process = this.#process;
    process.after(downMs, () => this.#start());
  }

  #start(): void {
    const { disk, checksum, told, ttlMs = usualTtlMs } = this.#parts;
    const process = this.#process;
    const journal = registryJournal({
      disk: disk.mount(process),
      checksum,
      directory: '/registry',
      durability: 'power-safe',
    });
    const report = (error: LoomError): void => {
      told(`registry reports ${error.message}`);
      if (this.#process === process && this.#registry?.failure !== undefined)
        process.after(restartMs, () => {
          if (this.#process === process) this.restart(restartAfter(error.message), restartMs);
        });
    };
    openEmbeddedRegistry({
      clock: process,
      journal,
      ttlMs,
      restartGraceMs: ttlMs,
      compactAboveBytes: 64 * 1024,
      report,
    }).then(
      (registry) => {
        if (this.#process !== process) return;
        this.#starts++;
        this.#registry = registry;
        told(`registry started (${this.#starts})`);
      },
      (error: unknown) => {
        told(`registry does not start: ${String(error)}`);
        if (this.#process === process) this.restart(restartAfter(String(error)), restartMs);
      },
    );
  }
}

const restartMs = 300;
const usualTtlMs = 3000;

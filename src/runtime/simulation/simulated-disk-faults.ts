import type { ErrorCode } from '../../ports/error-table.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What a disk is asked to do; each is one I/O call, counted and able to fail. */
export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'rename'
  | 'remove'
  | 'removeTree'
  | 'makeDirectory'
  | 'list'
  | 'stat'
  | 'syncDirectory'
  | 'space';

export type DiskFaultKind =
  | 'failed-call'
  | 'failed-sync'
  | 'disk-full'
  | 'lost-write'
  | 'lost-name'
  | 'torn-write'
  | 'bit-flip'
  | 'slow-call'
  | 'power-loss'
  | 'process-crash';

/** The faults that wait to happen on one simulated disk, and how often each kind has happened. */
export class DiskFaults {
  /** I/O calls so far, for scripts that fail each call in turn. */
  calls = 0;
  /** Added to the latency of every call, until set back to 0. Needs a clock on the mount. */
  slowMs = 0;
  /** Chance that a call fails with DISK_IO, on top of the faults that were asked for. */
  failChance = 0;
  readonly #random: SeededRandom;
  readonly #waiting: WaitingFault[] = [];
  readonly #counts = new Map<DiskFaultKind, number>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** The `n`th I/O call from now (1 is the next), of one operation or of any, fails once with `code`. */
  failNth(n: number, code: ErrorCode = 'DISK_IO', operation?: DiskOperation): void {
    this.#waiting.push({ code, operation, left: n });
  }

  /** The `n`th sync of a file or folder from now fails; what it should have made durable never will be. */
  failSync(n = 1, operation: 'sync' | 'syncDirectory' = 'sync'): void {
    this.failNth(n, 'DISK_IO', operation);
  }

  /** Forgets the faults that have not happened yet. */
  calm(): void {
    this.#waiting.length = 0;
    this.failChance = 0;
    this.slowMs = 0;
  }

  count(kind: DiskFaultKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  get counts(): Readonly<Partial<Record<DiskFaultKind, number>>> {
    return Object.fromEntries(this.#counts);
  }

  /** Counts a call, and answers the error with which it has to fail, if any. */
  next(operation: DiskOperation, path: string): LoomError | undefined {
    this.calls++;
    let code: ErrorCode | undefined;
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const fault = this.#waiting[i] as WaitingFault;
      if (fault.operation !== undefined && fault.operation !== operation) continue;
      if (--fault.left > 0) continue;
      this.#waiting.splice(i, 1);
      code = fault.code;
    }
    if (code === undefined && this.failChance > 0 && this.#random.chance(this.failChance)) code = 'DISK_IO';
    if (code === undefined) return undefined;
    this.count(operation === 'sync' || operation === 'syncDirectory' ? 'failed-sync' : 'failed-call');
    return new LoomError(code, `simulated fault of ${operation} on ${path}`, {
      details: { path, errno: 'simulated' },
    });
  }
}

interface WaitingFault {
  readonly code: ErrorCode;
  readonly operation: DiskOperation | undefined;
  left: number;
}

import type { Clock } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Journal } from '../../runtime/journal/journal.ts';
import { type Change, type DurableChange, isDurable } from './change.ts';
import { encodeChanges } from './change-codec.ts';
import type { Decide } from './decisions.ts';
import { numberOf } from './number.ts';
import { RegistryState } from './registry-state.ts';

/**
 * Judges calls one after another, journals what they change, and only then answers.
 *
 * L1. There are two states: `ahead`, on which calls are judged, and `view`, which readers and listeners see. A change
 *     reaches `view` only when it is durable, so nobody ever sees a number or a value that a crash could take back.
 * L2. At most one journal record is under way. Calls that come meanwhile form the next batch: one sync pays for all.
 * L3. Calls are judged, become visible and are answered in the order in which they came.
 * L4. When an append fails, `ahead` starts again from `view`, but no number is used twice. Calls that needed the
 *     append fail with REGISTRY_UNREACHABLE (whether they were kept is unknown); those that did not are judged again.
 * L5. Once the journal has stopped, calls that need no record go on: renewals, reads, leaving, expiry.
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  readonly #view: RegistryState;
  #ahead: RegistryState;
  #again: Pending[] = [];
  #queue: Pending[] = [];
  #underWay: readonly Judged[] = [];
  #running: Promise<void> | undefined;
  #phase: 'open' | 'closing' | 'closed' = 'open';
  #failure: LoomError | undefined;
  #compactAboveBytes: number;

  constructor(options: CommitLoopOptions) {
    this.#options = options;
    this.#view = options.state;
    this.#ahead = new RegistryState(options.state);
    this.#compactAboveBytes = options.compactAboveBytes;
  }

  /** The durable state. */
  get view(): RegistryState {
    return this.#view;
  }

  /** Why the journal stopped, when it has. */
  get failure(): LoomError | undefined {
    return this.#failure;
  }

  /** REGISTRY_UNREACHABLE once it was closed or has crashed. */
  assertOpen(): void {
    if (this.#phase !== 'open') throw closedError();
  }

  submit<Answer>(decide: Decide<Answer>): Promise<Answer> {
    if (this.#phase !== 'open') return Promise.reject(closedError());
    return new Promise<Answer>((resolve, reject) => {
      this.#queue.push({ decide, resolve: (answer) => resolve(answer as Answer), reject });
      this.#running ??= new Promise<void>((started) => {
        // One pass later, so that calls of the same tick share a record.
        this.#options.clock.soon(started);
      }).then(() => this.#run());
    });
  }

  /** Carries out what was submitted, then closes the journal. */
  async close(): Promise<void> {
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    await this.#running;
    this.#phase = 'closed';
    await this.#options.journal.close();
  }

  /** Stops at once, as a crash does: nothing more is answered from state, nothing more is written. */
  crash(): void {
    this.#phase = 'closed';
    const underWay = this.#underWay.map((judged) => judged.pending);
    for (const pending of [...underWay, ...this.#again, ...this.#queue]) pending.reject(closedError());
    this.#again = [];
    this.#queue = [];
  }

  async #run(): Promise<void> {
    while (this.#again.length + this.#queue.length > 0) {
      this.#underWay = this.#judge();
      await this.#commit(this.#underWay);
      this.#underWay = [];
      await this.#compactIfDue();
    }
    this.#running = undefined;
  }

  /** Judges waiting calls on `ahead` until the batch is large enough. Calls to be judged again go alone (L4). */
  #judge(): Judged[] {
    const source = this.#again.length > 0 ? this.#again : this.#queue;
    const batch: Judged[] = [];
    let bytes = 0;
    for (const pending of source) {
      if (batch.length >= maxBatchCalls || bytes >= maxBatchBytes) break;
      const judged = this.#judgeOne(pending);
      batch.push(judged);
      for (const change of judged.changes) {
        this.#ahead.evolve(change);
        if (change.kind === 'value-set') bytes += change.value.length;
      }
    }
    source.splice(0, batch.length);
    return batch;
  }

  #judgeOne(pending: Pending): Judged {
    try {
      const { answer, changes } = pending.decide(this.#ahead);
      if (this.#failure === undefined || !changes.some(isDurable)) {
        return { pending, changes, settle: () => pending.resolve(answer) };
      }
      const error = unreachable(this.#failure);
      return { pending, changes: [], settle: () => pending.reject(error) };
    } catch (thrown) {
      const error = LoomError.from(thrown);
      return { pending, changes: [], settle: () => pending.reject(error) };
    }
  }

  async #commit(batch: readonly Judged[]): Promise<void> {
    const changes = batch.flatMap((judged) => judged.changes);
    const durable = changes.filter(isDurable);
    if (durable.length > 0) {
      const { generation, index } = this.#ahead.counters;
      try {
        await this.#options.journal.append(
          registryRecordType,
          numberOf(generation, index),
          encodeChanges(durable),
        );
      } catch (thrown) {
        this.#takeBack(batch, LoomError.from(thrown));
        return;
      }
    }
    if (this.#phase === 'closed') return;
    for (const change of changes) this.#view.evolve(change);
    if (changes.length > 0) this.#options.committed(changes);
    for (const judged of batch) judged.settle();
  }

  #takeBack(batch: readonly Judged[], cause: LoomError): void {
    if (this.#phase === 'closed') return;
    const counters = this.#ahead.counters;
    this.#ahead = new RegistryState(this.#view);
    this.#ahead.skipTo(counters);
    this.#noteFailure(cause);
    for (const { pending, changes } of batch) {
      if (changes.some(isDurable)) pending.reject(unreachable(cause));
      else this.#again.push(pending);
    }
  }

  async #compactIfDue(): Promise<void> {
    const { journal } = this.#options;
    const { liveBytes } = this.#view;
    if (this.#phase === 'closed' || this.#failure !== undefined) return;
    if (journal.bytes <= this.#compactAboveBytes || journal.bytes <= compactAboveLiveFactor * liveBytes)
      return;
    try {
      await journal.compact(snapshotRecords(this.#view));
      this.#compactAboveBytes = this.#options.compactAboveBytes;
    } catch (thrown) {
      // The old segments still hold everything. On a full disk, trying again at every call would help nobody.
      this.#compactAboveBytes = journal.bytes + this.#options.compactAboveBytes;
      this.#noteFailure(LoomError.from(thrown));
    }
  }

  #noteFailure(error: LoomError): void {
    if (error.code === 'JOURNAL_STOPPED') this.#failure ??= error;
    this.#options.report(error);
  }
}

export interface CommitLoopOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  /** What the journal gave back; the loop owns it from now on. */
  readonly state: RegistryState;
  readonly compactAboveBytes: number;
  /** Called after each batch that changed something, once it is durable and visible. */
  readonly committed: (changes: readonly Change[]) => void;
  readonly report: (error: LoomError) => void;
}

export const registryRecordType: number = 1;

const maxBatchCalls = 256;
const maxBatchBytes = 1024 * 1024;
const compactAboveLiveFactor = 4;
const snapshotRecordBytes = 64 * 1024;

interface Pending {
  readonly decide: Decide<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: LoomError) => void;
}

interface Judged {
  readonly pending: Pending;
  readonly changes: readonly Change[];
  readonly settle: () => void;
}

function* snapshotRecords(
  state: RegistryState,
): Generator<{ type: number; token: number; body: Uint8Array }> {
  const token = numberOf(state.counters.generation, state.counters.index);
  let changes: DurableChange[] = [];
  let bytes = 0;
  for (const change of state.snapshot()) {
    changes.push(change);
    bytes += change.kind === 'value-set' ? change.value.length : 0;
    if (bytes < snapshotRecordBytes && changes.length < maxBatchCalls) continue;
    yield { type: registryRecordType, token, body: encodeChanges(changes) };
    changes = [];
    bytes = 0;
  }
  if (changes.length > 0) yield { type: registryRecordType, token, body: encodeChanges(changes) };
}

function unreachable(cause: LoomError): LoomError {
  return new LoomError('REGISTRY_UNREACHABLE', 'the registry could not write its journal', { cause });
}

function closedError(): LoomError {
  return new LoomError('REGISTRY_UNREACHABLE', 'the registry is closed');
}

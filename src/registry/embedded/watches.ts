import type { Clock } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { RegistrySubscription } from '../../ports/registry.ts';
import type { Change } from './change.ts';

/**
 * Tells listeners of the newest state, at most once a pass of the event loop.
 *
 * W1. A listener is never called from inside the call that subscribed it or that made the change.
 * W2. The state is read at the time of the call, so that a listener may skip states and never goes back.
 * W3. A listener that is not `ready` (its node is cut off) keeps its news until it is.
 * W4. What a listener throws is reported and stops neither the other listeners nor the registry.
 */
export class Watches {
  readonly #clock: Clock;
  readonly #report: (error: LoomError) => void;
  readonly #watches: Set<Entry> = new Set();
  #scheduled = false;

  constructor(clock: Clock, report: (error: LoomError) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** The listener is told of the present state first. */
  add(watch: Watch): RegistrySubscription {
    const entry: Entry = { watch, news: true };
    this.#watches.add(entry);
    this.wake();
    return {
      close: () => {
        this.#watches.delete(entry);
      },
    };
  }

  changed(changes: readonly Change[]): void {
    for (const entry of this.#watches) entry.news ||= changes.some(entry.watch.concerns);
    this.wake();
  }

  /** Looks for listeners with news in a later pass of the event loop. */
  wake(): void {
    if (this.#scheduled || !this.#somebodyWaits()) return;
    this.#scheduled = true;
    this.#clock.later(() => {
      this.#scheduled = false;
      for (const entry of [...this.#watches]) this.#tell(entry);
    });
  }

  close(): void {
    this.#watches.clear();
  }

  #tell(entry: Entry): void {
    // Another listener of this pass may have closed this one.
    if (!entry.news || !this.#watches.has(entry) || !entry.watch.ready()) return;
    entry.news = false;
    try {
      entry.watch.tell();
    } catch (thrown) {
      this.#report(new LoomError('INTERNAL', 'a listener of a registry watch threw', { cause: thrown }));
    }
  }

  #somebodyWaits(): boolean {
    for (const { news, watch } of this.#watches) if (news && watch.ready()) return true;
    return false;
  }
}

export interface Watch {
  concerns(change: Change): boolean;
  ready(): boolean;
  tell(): void;
}

interface Entry {
  readonly watch: Watch;
  news: boolean;
}

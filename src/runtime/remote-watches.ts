import type { Facts } from './facts.ts';
import type { RemoteTarget } from './remote-ref.ts';
import type { Terminated } from './watch.ts';

export interface RemoteWatch {
  readonly to: RemoteTarget;
  readonly listener: (terminated: Terminated) => void;
  /** The epoch of the peer that was asked for it; 0 as long as none was. */
  epoch: number;
}

/**
 * The watches that this node has on actors of one peer.
 *
 * WT1. A watch outlives links: it is asked for again on each link to the same epoch of the peer.
 * WT2. It ends once: by the peer's word, or by the end of the epoch that was asked for it.
 * WT3. One that no epoch was asked for yet goes to the next, or ends when the peer is no member any more.
 */
export class RemoteWatches {
  readonly #facts: Facts;
  readonly #open = new Map<number, RemoteWatch>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  get size(): number {
    return this.#open.size;
  }

  add(watchId: number, to: RemoteTarget, listener: (terminated: Terminated) => void): void {
    this.#open.set(watchId, { to, listener, epoch: 0 });
  }

  /** This epoch of the peer was asked for it. */
  asked(watchId: number, epoch: number): void {
    const watch = this.#open.get(watchId);
    if (watch !== undefined) watch.epoch = epoch;
  }

  /** False when it has ended. */
  remove(watchId: number): boolean {
    return this.#open.delete(watchId);
  }

  /** The link to an epoch of the peer is up: what must be asked for on it. */
  *on(epoch: number): Generator<readonly [watchId: number, to: RemoteTarget]> {
    for (const [watchId, watch] of this.#open) {
      watch.epoch = epoch;
      yield [watchId, watch.to];
    }
  }

  /** The peer says that the actor has ended. */
  terminated(watchId: number, incarnation: number, reason: string): void {
    const watch = this.#open.get(watchId);
    if (watch !== undefined) this.#end(watchId, watch, { epoch: watch.epoch, incarnation, reason });
  }

  /** An epoch of the peer, and all before, have ended. `unasked` says whether watches that none was asked for end. */
  epochEnded(epoch: number, unasked: boolean, reason: string): void {
    for (const [watchId, watch] of [...this.#open]) {
      const ended = watch.epoch === 0 ? unasked : watch.epoch <= epoch;
      if (ended) this.#end(watchId, watch, { epoch, incarnation: 0, reason });
    }
  }

  #end(watchId: number, watch: RemoteWatch, end: Omit<Terminated, 'address'>): void {
    if (!this.#open.delete(watchId)) return;
    const { address } = watch.to;
    try {
      watch.listener({ address, ...end });
    } catch (error) {
      this.#facts.emit({ type: 'internal-error', where: `watcher of ${address}`, error });
    }
  }
}

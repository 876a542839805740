import type { Feed } from '../../runtime/feed.ts';
import type { JobProgress } from './messages.ts';

/** Tells subscribers how a job stands: always the newest, never a backlog. */
export class JobProgressBoard {
  readonly #feeds = new Set<Feed<JobProgress>>();
  readonly #owed = new Set<Feed<JobProgress>>();
  readonly #now: () => JobProgress;
  #ended = false;

  constructor(now: () => JobProgress) {
    this.#now = now;
  }

  add(feed: Feed<JobProgress>): void {
    this.#feeds.add(feed);
    feed.onChange(() => {
      if (this.#owed.has(feed)) this.#tell(feed);
    });
    this.#tell(feed);
  }

  changed(): void {
    for (const feed of this.#feeds) this.#tell(feed);
  }

  /** The job is over: each subscriber gets the last state, then the end. */
  end(): void {
    this.#ended = true;
    this.changed();
  }

  #tell(feed: Feed<JobProgress>): void {
    const outcome = feed.push(this.#now());
    if (outcome === 'no-credit') {
      this.#owed.add(feed);
      return;
    }
    this.#owed.delete(feed);
    if (outcome === 'closed') this.#feeds.delete(feed);
    else if (this.#ended) {
      this.#feeds.delete(feed);
      feed.complete();
    }
  }
}

import { LoomError } from '../ports/loom-error.ts';
import type { Random } from '../ports/random.ts';
import { type ActorRef, askClient, attemptClient, subscribeClient, tellClient } from './actor-ref.ts';
import type { CancelSignal } from './cancel-signal.ts';
import type { Engine } from './cell.ts';
import type { AskClient, AttemptClient, SubscribeClient, TellClient } from './client.ts';
import type {
  AskOptions,
  Protocol,
  RequestDefinition,
  SequencedItem,
  SignalDefinition,
  SubscribeOptions,
  SubscriptionDefinition,
  TellOptions,
  TellOutcome,
} from './definition.ts';
import { Envelope, SubscribeEnvelope } from './envelope.ts';
import { LocalFeed } from './feed.ts';
import { originOf } from './local-ask.ts';
import type { Terminated } from './watch.ts';

/** Where a virtual actor's messages go at this moment. */
export interface VirtualPost {
  readonly engine: Engine;
  readonly random: Random;
  readonly kind: string;
  /** The poster for the key's present owner; undefined when no node is up to own it. */
  owner(key: string): ActorRef | undefined;
  /** Takes a place among the calls that wait for an owner; false when there is none. */
  enterWait(): boolean;
  leaveWait(): void;
}

/** Failures after which the message was certainly not handled, and another owner may take it. */
const retried: ReadonlySet<string> = new Set([
  'NO_OWNER',
  'NODE_DRAINING',
  'NODE_UNREACHABLE',
  'ACTOR_STOPPED',
  'NO_SUCH_ACTOR',
]);
const retryMinMs = 20;
const retryMaxMs = 500;

/**
 * A reference to a virtual actor by kind and key. It finds the owner anew for each message. Asks that certainly were
 * not handled are repeated within their deadline, as long as there is room among the waiting ones; tells are not.
 */
export class VirtualRef<P extends Protocol> implements ActorRef<P> {
  readonly protocol: P;
  readonly #key: string;
  readonly #post: VirtualPost;

  constructor(protocol: P, key: string, post: VirtualPost) {
    this.protocol = protocol;
    this.#key = key;
    this.#post = post;
  }

  get address(): string {
    return `${this.#post.kind}/${this.#key}`;
  }

  get tell(): TellClient<P> {
    return tellClient(this.protocol, this);
  }

  get ask(): AskClient<P> {
    return askClient(this.protocol, this);
  }

  get attempt(): AttemptClient<P> {
    return attemptClient(this.protocol, this);
  }

  get subscribe(): SubscribeClient<P> {
    return subscribeClient(this.protocol, this);
  }

  postTell(
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome {
    const owner = this.#post.owner(this.#key);
    if (owner !== undefined) return owner.postTell(definition, body, options);
    this.#refuse(new Envelope(definition, body, originOf(options)));
    return 'gone';
  }

  async postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    const { engine } = this.#post;
    const untilMs = engine.clock.monotonicMs() + (options?.deadlineMs ?? engine.defaultDeadlineMs);
    for (let attempt = 0; ; attempt++) {
      if (options?.signal?.aborted === true)
        throw new LoomError('CANCELLED', `${this.address}: the caller gave up`);
      const failure = await this.#attempt(definition, body, options, untilMs - engine.clock.monotonicMs());
      if (failure.ok) return failure.value;
      const { error } = failure;
      if (!retried.has(error.code)) throw error;
      const fullMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(attempt, 16));
      const waitMs = fullMs * (0.5 + this.#post.random.float() / 2);
      if (engine.clock.monotonicMs() + waitMs >= untilMs) throw error;
      if (!this.#post.enterWait()) {
        throw new LoomError('BUFFER_FULL', `${this.address}: too many calls wait for an owner`, {
          cause: error,
        });
      }
      await this.#wait(waitMs, options?.signal);
      this.#post.leaveWait();
    }
  }

  postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    const owner = this.#post.owner(this.#key);
    if (owner !== undefined) return owner.postSubscribe(definition, body, options);
    const feed = new LocalFeed<unknown>(options?.fromSequence ?? 0, 0);
    this.#refuse(new SubscribeEnvelope(definition, body, undefined, feed));
    return feed;
  }

  /** A virtual actor does not end: it sleeps and starts again on demand. */
  onTerminated(_listener: (terminated: Terminated) => void): () => void {
    return () => undefined;
  }

  async #attempt(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
    remainingMs: number,
  ): Promise<
    { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: LoomError }
  > {
    const owner = this.#post.owner(this.#key);
    if (owner === undefined) {
      this.#refuse(new Envelope(definition, body, originOf(options)));
      return { ok: false, error: new LoomError('NO_OWNER', `${this.address}: no node is up to own it`) };
    }
    try {
      const value = await owner.postAsk(definition, body, {
        ...options,
        deadlineMs: Math.max(1, remainingMs),
      });
      return { ok: true, value };
    } catch (thrown) {
      return { ok: false, error: LoomError.from(thrown) };
    }
  }

  /** Ended early when the caller gives up. */
  #wait(waitMs: number, signal: CancelSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', over);
        resolve();
      };
      const timer = this.#post.engine.clock.after(waitMs, over);
      signal?.addEventListener('abort', over);
    });
  }

  /** Books a message that no node is up to take. */
  #refuse(envelope: Envelope): void {
    this.#post.engine.ledger.sent++;
    this.#post.engine.close(envelope, 'refused', 'NO_OWNER', this.address);
  }
}

import { LoomError } from '../ports/loom-error.ts';
import type { Random } from '../ports/random.ts';
import { type ActorRef, askClient, attemptClient, subscribeClient, tellClient } from './actor-ref.ts';
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
    return this.#post.owner(this.#key)?.postTell(definition, body, options) ?? 'gone';
  }

  async postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    const { engine } = this.#post;
    const untilMs = engine.clock.monotonicMs() + (options?.deadlineMs ?? engine.defaultDeadlineMs);
    for (let attempt = 0; ; attempt++) {
      const remainingMs = untilMs - engine.clock.monotonicMs();
      let failure: LoomError;
      const owner = this.#post.owner(this.#key);
      if (owner === undefined) {
        failure = new LoomError('NO_OWNER', `${this.address}: no node is up to own it`);
      } else {
        try {
          return await owner.postAsk(definition, body, { ...options, deadlineMs: Math.max(1, remainingMs) });
        } catch (thrown) {
          failure = LoomError.from(thrown);
        }
      }
      const waitMs =
        Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(attempt, 16)) * (0.5 + this.#post.random.float() / 2);
      if (!retried.has(failure.code) || options?.signal?.aborted === true) throw failure;
      if (engine.clock.monotonicMs() + waitMs >= untilMs || !this.#post.enterWait()) throw failure;
      await new Promise<void>((resolve) => {
        engine.clock.after(waitMs, resolve);
      });
      this.#post.leaveWait();
    }
  }

  async *postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncGenerator<SequencedItem<unknown>> {
    const owner = this.#post.owner(this.#key);
    if (owner === undefined) throw new LoomError('NO_OWNER', `${this.address}: no node is up to own it`);
    yield* owner.postSubscribe(definition, body, options);
  }

  /** A virtual actor does not end: it sleeps and starts again on demand. */
  onTerminated(_listener: (terminated: Terminated) => void): () => void {
    return () => undefined;
  }
}

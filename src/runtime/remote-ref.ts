import { type ActorRef, askClient, attemptClient, subscribeClient, tellClient } from './actor-ref.ts';
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
import type { WireTarget } from './wire/wire-envelope.ts';

/** What a remote reference posts through: the router. */
export interface RemotePost {
  tell(
    to: RemoteTarget,
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome;
  ask(
    to: RemoteTarget,
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown>;
  subscribe(
    to: RemoteTarget,
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>>;
  watch(to: RemoteTarget, listener: (terminated: Terminated) => void): () => void;
}

export interface RemoteTarget {
  readonly node: string;
  readonly target: WireTarget;
  readonly address: string;
}

/** A reference to a named actor of another node. */
export class RemoteRef<P extends Protocol> implements ActorRef<P> {
  readonly protocol: P;
  readonly #to: RemoteTarget;
  readonly #post: RemotePost;

  constructor(protocol: P, to: RemoteTarget, post: RemotePost) {
    this.protocol = protocol;
    this.#to = to;
    this.#post = post;
  }

  get address(): string {
    return this.#to.address;
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
    return this.#post.tell(this.#to, definition, body, options);
  }

  postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    return this.#post.ask(this.#to, definition, body, options);
  }

  postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    return this.#post.subscribe(this.#to, definition, body, options);
  }

  onTerminated(listener: (terminated: Terminated) => void): () => void {
    return this.#post.watch(this.#to, listener);
  }
}

import type { ActorRef } from './actor-ref.ts';
import { askClient, attemptClient, subscribeClient, tellClient } from './actor-ref.ts';
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
import { defaultCredits, LocalAsk, originOf, tellWith } from './local-ask.ts';
import type { VirtualInbox } from './reception.ts';

/** The way to a virtual actor whose shard belongs to this node: through the region, which starts it when needed. */
export class ShardGate<P extends Protocol> implements ActorRef<P> {
  readonly protocol: P;
  readonly #kind: string;
  readonly #key: string;
  readonly #inbox: VirtualInbox;
  readonly #engine: Engine;

  constructor(protocol: P, kind: string, key: string, inbox: VirtualInbox, engine: Engine) {
    this.protocol = protocol;
    this.#kind = kind;
    this.#key = key;
    this.#inbox = inbox;
    this.#engine = engine;
  }

  get address(): string {
    return `${this.#kind}/${this.#key}`;
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
    const engine = this.#engine;
    const envelope =
      options === undefined
        ? new Envelope(definition, body, undefined)
        : tellWith(definition, body, options, engine.clock.monotonicMs(), engine.wheel);
    return this.#deliver(envelope) ? 'accepted' : 'full';
  }

  postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    const engine = this.#engine;
    return new Promise((resolve, reject) => {
      const ask = new LocalAsk(
        definition,
        body,
        originOf(options),
        options?.deadlineMs ?? engine.defaultDeadlineMs,
        engine.wheel,
        resolve,
        reject,
      );
      this.#deliver(ask);
      if (options?.signal !== undefined) ask.follow(options.signal);
    });
  }

  postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    const feed = new LocalFeed<unknown>(options?.fromSequence ?? 0, options?.credits ?? defaultCredits);
    if (options?.signal !== undefined) feed.follow(options.signal);
    this.#deliver(new SubscribeEnvelope(definition, body, undefined, feed));
    return feed;
  }

  /** A virtual actor does not end: it sleeps and starts again on demand. */
  onTerminated(): () => void {
    return () => undefined;
  }

  #deliver(envelope: Envelope): boolean {
    this.#engine.ledger.sent++;
    this.#engine.guard?.seal(envelope);
    this.#inbox.deliver(this.#key, envelope);
    return envelope.state !== 'closed';
  }
}

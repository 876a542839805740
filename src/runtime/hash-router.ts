import { rendezvousFirst } from '../placement/hash-ring.ts';
import { LoomError } from '../ports/loom-error.ts';
import { type ActorRef, askClient, attemptClient, subscribeClient, tellClient } from './actor-ref.ts';
import type { AskClient, AttemptClient, SubscribeClient, TellClient } from './client.ts';
import type {
  AskOptions,
  InputOf,
  MessageDefinition,
  Protocol,
  RequestDefinition,
  SequencedItem,
  SignalDefinition,
  SubscribeOptions,
  SubscriptionDefinition,
  TellOptions,
  TellOutcome,
} from './definition.ts';
import { LocalFeed } from './feed.ts';
import { limit } from './limit.ts';
import type { Terminated } from './watch.ts';

/** The key of a message: messages with one key go to one actor. What it throws, the call throws. */
export type KeyOf<P extends Protocol> = (
  message: InputOf<P['messages'][keyof P['messages']]>,
  name: keyof P['messages'] & string,
) => string;

const maxRefs = 1024;

/**
 * A reference that stands for several actors of one protocol and gives each message to one of them, by a key in it.
 *
 * HR1. All messages of a key go to one actor while the set stays; so they keep the order in which one sender posted
 *      them.
 * HR2. A set that changes moves only the keys that the new actor wins or the missing one held.
 * HR3. No actor in the set: refused at once, NO_SUCH_ACTOR. Such a message was not posted, and no ledger counts it.
 * HR4. At most 1,024 actors, all of the router's protocol; one that is given twice counts once.
 *
 * It holds no actor's life: one that has stopped keeps its keys, and refuses them, until `withRefs` leaves it out.
 */
export class HashRouter<P extends Protocol> implements ActorRef<P> {
  readonly protocol: P;
  readonly #refs = new Map<string, ActorRef<P>>();
  readonly #keyOf: KeyOf<P>;

  constructor(protocol: P, refs: Iterable<ActorRef<P>>, keyOf: KeyOf<P>) {
    this.protocol = protocol;
    this.#keyOf = keyOf;
    for (const ref of refs) {
      if (ref.protocol !== protocol) {
        throw new LoomError('INVALID_DEFINITION', `${ref.address} speaks ${ref.protocol.name}`);
      }
      this.#refs.set(ref.address, ref);
    }
    limit('refs', this.#refs.size, 0, maxRefs);
  }

  /** Says what it is; a router is no actor and has no place of its own. */
  get address(): string {
    return `hash-router/${this.protocol.name}`;
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

  /** A router over another set, with the same protocol and keys; this one stays as it is. */
  withRefs(refs: Iterable<ActorRef<P>>): HashRouter<P> {
    return new HashRouter(this.protocol, refs, this.#keyOf);
  }

  /** The actor that gets the messages of a key. */
  refOf(key: string): ActorRef<P> | undefined {
    const address = rendezvousFirst(key, this.#refs.keys());
    return address === undefined ? undefined : this.#refs.get(address);
  }

  postTell(
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome {
    return this.#refFor(definition, body)?.postTell(definition, body, options) ?? 'gone';
  }

  async postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    const ref = this.#refFor(definition, body);
    if (ref === undefined) throw this.#nobody(definition);
    return ref.postAsk(definition, body, options);
  }

  postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    const ref = this.#refFor(definition, body);
    if (ref !== undefined) return ref.postSubscribe(definition, body, options);
    const feed = new LocalFeed<unknown>(options?.fromSequence ?? 0, 0);
    feed.fail(this.#nobody(definition));
    return feed;
  }

  /** A router does not end; watch the actors of its set. */
  onTerminated(_listener: (terminated: Terminated) => void): () => void {
    return () => undefined;
  }

  #refFor(definition: MessageDefinition, body: unknown): ActorRef<P> | undefined {
    const message = body as InputOf<P['messages'][keyof P['messages']]>;
    return this.refOf(this.#keyOf(message, definition.name));
  }

  #nobody({ name }: MessageDefinition): LoomError {
    return new LoomError('NO_SUCH_ACTOR', `${this.protocol.name}.${name}: the router's set is empty`);
  }
}

/** Spreads the messages of a protocol over several actors by rendezvous hashing of a key; see `HashRouter`. */
export function hashRouter<P extends Protocol>(
  protocol: P,
  refs: Iterable<ActorRef<P>>,
  keyOf: KeyOf<P>,
): HashRouter<P> {
  return new HashRouter(protocol, refs, keyOf);
}

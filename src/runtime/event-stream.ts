import { LoomError } from '../ports/loom-error.ts';
import type { ActorContext } from './behavior.ts';
import type { TellClient } from './client.ts';
import type { InputOf, Protocol, SignalDefinition, TellOutcome } from './definition.ts';
import { limit } from './limit.ts';

/** Topics and the shape of their events: a protocol of signals alone. */
export type Topics = Protocol<Readonly<Record<string, SignalDefinition<unknown>>>>;

/**
 * Turns an event into a signal to the subscriber: it answers what its tell answered, or undefined for an event that it
 * leaves aside. It runs in the publisher's time and must do no more than tell.
 */
export type ToSignal<Event, Q extends Protocol> = (
  event: Event,
  self: TellClient<Q>,
) => TellOutcome | undefined;

export interface EventStreamOptions {
  /** The node whose actors may subscribe. */
  readonly node: string;
  /** Subscriptions to all topics together; 1 to 65,536; default 1,024. */
  readonly maxSubscriptions?: number;
}

/** What became of events: signals that mailboxes took, and those that they did not. */
export interface Delivery {
  readonly taken: number;
  readonly missed: number;
}

/**
 * Publish and subscribe within one node.
 *
 * ES1. A publisher never waits: each subscriber is told once, at once, and its mailbox is the only queue.
 * ES2. An event that a mailbox does not take is missed by that subscriber alone, and counted; the mailbox books it.
 * ES3. A subscription ends with the incarnation that made it (a stop, a kill, a restart) or by the returned function.
 * ES4. At most `maxSubscriptions`, all of actors of the stream's node.
 * ES5. A subscriber's function that throws is a failure of the subscriber, seen by its supervisor and by nobody else.
 * ES6. A subscriber gets the events of a stream in the order in which they were published.
 */
export class EventStream<P extends Topics> {
  readonly topics: P;
  readonly #node: string;
  readonly #maxSubscriptions: number;
  readonly #byTopic: ReadonlyMap<string, Set<Subscription>>;
  #subscriptions = 0;
  #taken = 0;
  #missed = 0;

  constructor(topics: P, options: EventStreamOptions) {
    this.topics = topics;
    this.#node = options.node;
    this.#maxSubscriptions = limit('maxSubscriptions', options.maxSubscriptions ?? 1024, 1, 65_536);
    this.#byTopic = new Map(Object.keys(topics.messages).map((topic) => [topic, new Set()]));
  }

  /** Subscriptions that live now. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** All that was taken and missed since the stream was made. */
  get delivered(): Delivery {
    return { taken: this.#taken, missed: this.#missed };
  }

  /** NODE_LIMIT when the stream has as many subscriptions as it may. The answer ends the subscription. */
  subscribe<K extends keyof P['messages'] & string, Q extends Protocol>(
    topic: K,
    context: ActorContext<Q>,
    toSignal: ToSignal<InputOf<P['messages'][K]>, Q>,
  ): () => void {
    if (context.node !== this.#node) {
      throw new LoomError('INVALID_DEFINITION', `${context.self.address} is not of node ${this.#node}`);
    }
    const deliver = (event: unknown): TellOutcome | undefined =>
      toSignal(event as InputOf<P['messages'][K]>, context.self.tell);
    // A handle that a port gives out is closed at the end of the incarnation, be it a kill.
    const port = context.port({
      open: () => this.#open(topic, new Subscription(deliver, failureOf(context))),
    });
    const handle = port.open();
    return () => {
      handle.close();
    };
  }

  publish<K extends keyof P['messages'] & string>(topic: K, event: InputOf<P['messages'][K]>): Delivery {
    let taken = 0;
    let missed = 0;
    for (const subscription of this.#of(topic)) {
      const outcome = subscription.deliver(event);
      if (outcome === 'accepted') taken++;
      else if (outcome !== undefined) missed++;
    }
    this.#taken += taken;
    this.#missed += missed;
    return { taken, missed };
  }

  #open(topic: string, subscription: Subscription): { close(): void } {
    const subscriptions = this.#of(topic);
    if (this.#subscriptions >= this.#maxSubscriptions) {
      throw new LoomError('NODE_LIMIT', `${this.topics.name} has ${this.#subscriptions} subscriptions`);
    }
    subscriptions.add(subscription);
    this.#subscriptions++;
    return {
      close: () => {
        if (subscriptions.delete(subscription)) this.#subscriptions--;
      },
    };
  }

  #of(topic: string): Set<Subscription> {
    const subscriptions = this.#byTopic.get(topic);
    if (subscriptions !== undefined) return subscriptions;
    throw new LoomError('UNKNOWN_MESSAGE', `${this.topics.name} has no topic ${topic}`);
  }
}

/** A channel of typed events within one node; see `EventStream`. */
export function eventStream<P extends Topics>(topics: P, options: EventStreamOptions): EventStream<P> {
  return new EventStream(topics, options);
}

class Subscription {
  readonly #toSignal: (event: unknown) => TellOutcome | undefined;
  readonly #fail: (error: LoomError, told: () => void) => void;
  #failing = false;

  constructor(
    toSignal: (event: unknown) => TellOutcome | undefined,
    fail: (error: LoomError, told: () => void) => void,
  ) {
    this.#toSignal = toSignal;
    this.#fail = fail;
  }

  deliver(event: unknown): TellOutcome | undefined {
    try {
      return this.#toSignal(event);
    } catch (thrown) {
      if (!this.#failing) {
        this.#failing = true;
        this.#fail(LoomError.from(thrown, 'HANDLER_FAILED'), () => {
          this.#failing = false;
        });
      }
      return 'gone';
    }
  }
}

/** Fails an actor after the publisher's turn, as a throw of any callback of its context does. */
function failureOf<Q extends Protocol>(
  context: ActorContext<Q>,
): (error: LoomError, told: () => void) => void {
  return (error, told) => {
    context.pipe(Promise.resolve(), () => {
      told();
      throw error;
    });
  };
}

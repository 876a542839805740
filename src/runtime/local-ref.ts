import { type ActorRef, askClient, attemptClient, subscribeClient, tellClient } from './actor-ref.ts';
import type { Cell } from './cell.ts';
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
import type { Terminated } from './watch.ts';

/** A reference to an actor of this node: messages go into its mailbox by reference. */
export class LocalRef<P extends Protocol = Protocol> implements ActorRef<P> {
  readonly cell: Cell;

  constructor(cell: Cell) {
    this.cell = cell;
  }

  get protocol(): P {
    return this.cell.behavior.protocol as P;
  }

  get address(): string {
    return this.cell.address;
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
    const cell = this.cell;
    const engine = cell.engine;
    const envelope =
      options === undefined
        ? new Envelope(definition, body, undefined)
        : tellWith(definition, body, options, engine.clock.monotonicMs(), engine.wheel);
    engine.ledger.sent++;
    engine.guard?.seal(envelope);
    return cell.offer(envelope);
  }

  postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    const cell = this.cell;
    const engine = cell.engine;
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
      engine.ledger.sent++;
      engine.guard?.seal(ask);
      ask.host = cell;
      if (options?.signal !== undefined) ask.follow(options.signal);
      if (ask.state === 'new') cell.offer(ask);
    });
  }

  postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    const feed = new LocalFeed<unknown>(options?.fromSequence ?? 0, options?.credits ?? defaultCredits);
    const envelope = new SubscribeEnvelope(definition, body, undefined, feed);
    this.cell.engine.ledger.sent++;
    this.cell.engine.guard?.seal(envelope);
    if (options?.signal !== undefined) feed.follow(options.signal);
    this.cell.offer(envelope);
    return feed;
  }

  onTerminated(listener: (terminated: Terminated) => void): () => void {
    const { cell } = this;
    if (cell.life.kind === 'stopped') {
      let wanted = true;
      cell.engine.clock.soon(() => {
        if (wanted) cell.tellWatcher(listener);
      });
      return () => {
        wanted = false;
      };
    }
    const { watchers } = cell.more;
    watchers.add(listener);
    return () => {
      watchers.delete(listener);
    };
  }
}

import type { ErrorCode } from '../ports/error-table.ts';
import type { Cell, Engine } from './cell.ts';
import type {
  AskOptions,
  MessageDefinition,
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
import { LocalAsk, originOf } from './local-ask.ts';
import { LocalRef } from './local-ref.ts';
import type { RemotePost, RemoteTarget } from './remote-ref.ts';
import type { Terminated } from './watch.ts';

/**
 * Messages to actors of this node by path, as to those of another node: whoever lives there at the time gets them, and
 * what nobody takes is booked and told.
 */
export class LocalPost implements RemotePost {
  readonly #engine: Engine;
  readonly #cellAt: (path: string) => Cell | undefined;

  constructor(engine: Engine, cellAt: (path: string) => Cell | undefined) {
    this.#engine = engine;
    this.#cellAt = cellAt;
  }

  tell(
    to: RemoteTarget,
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome {
    const ref = this.#find(to, definition);
    if (ref instanceof LocalRef) return ref.postTell(definition, body, options);
    this.#refuse(new Envelope(definition, body, originOf(options)), to, ref);
    return 'gone';
  }

  ask(
    to: RemoteTarget,
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    const ref = this.#find(to, definition);
    if (ref instanceof LocalRef) return ref.postAsk(definition, body, options);
    const { wheel } = this.#engine;
    return new Promise((resolve, reject) => {
      const origin = originOf(options);
      this.#refuse(new LocalAsk(definition, body, origin, 0, wheel, resolve, reject), to, ref);
    });
  }

  subscribe(
    to: RemoteTarget,
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    const ref = this.#find(to, definition);
    if (ref instanceof LocalRef) return ref.postSubscribe(definition, body, options);
    const feed = new LocalFeed<unknown>(options?.fromSequence ?? 0, 0);
    this.#refuse(new SubscribeEnvelope(definition, body, undefined, feed), to, ref);
    return feed;
  }

  watch(to: RemoteTarget, listener: (terminated: Terminated) => void): () => void {
    const ref = this.#cellOf(to)?.ref;
    if (ref !== undefined) return ref.onTerminated(listener);
    let wanted = true;
    this.#engine.clock.soon(() => {
      if (!wanted) return;
      const { epoch } = this.#engine;
      listener({ address: to.address, epoch, incarnation: 0, reason: 'no such actor' });
    });
    return () => {
      wanted = false;
    };
  }

  #cellOf({ target }: RemoteTarget): Cell | undefined {
    return target.kind === 'named' ? this.#cellAt(target.path) : undefined;
  }

  /** The actor, or why there is none for this message. */
  #find(to: RemoteTarget, definition: MessageDefinition): LocalRef | ErrorCode {
    const cell = this.#cellOf(to);
    if (cell === undefined) return 'NO_SUCH_ACTOR';
    if (cell.behavior.protocol.messages[definition.name] !== definition) return 'UNKNOWN_MESSAGE';
    return new LocalRef(cell);
  }

  #refuse(envelope: Envelope, { address }: RemoteTarget, code: ErrorCode): void {
    this.#engine.ledger.sent++;
    const state = code === 'NO_SUCH_ACTOR' ? 'deadLettered' : 'refused';
    this.#engine.close(envelope, state, code, address);
  }
}

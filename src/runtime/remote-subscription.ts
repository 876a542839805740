import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { SubscriptionDefinition } from './definition.ts';
import type { Waiting } from './departures.ts';
import { LocalFeed } from './feed.ts';
import { failureOf } from './remote-call.ts';
import { validated } from './schema.ts';
import { decodeValue } from './wire/value-decode.ts';
import type { CreditEnvelope, ItemEnvelope, WireCompletion } from './wire/wire-envelope.ts';

/**
 * The consumer's end of a subscription to an actor on another node.
 *
 * RS1. Items come in sequence, without a gap, within the credits given; one that does not ends the subscription.
 * RS2. Credits go back in batches of a quarter of the first grant: the producer always has the rest to go on with.
 * RS3. What arrived before an end is given to the consumer before the end is.
 */
export class RemoteSubscription implements Waiting {
  readonly kind = 'subscription';
  readonly correlation: number;
  readonly feed: LocalFeed<unknown>;
  accepted = false;
  readonly #parts: RemoteSubscriptionParts;
  readonly #batch: number;
  #taken = 0;
  #open = true;

  constructor(parts: RemoteSubscriptionParts) {
    const { credits } = parts;
    this.#parts = parts;
    this.correlation = parts.correlation;
    this.feed = new LocalFeed<unknown>(parts.fromSequence, credits);
    this.#batch = Math.max(1, Math.floor(credits / 4));
    this.feed.onChange(() => {
      if (this.feed.closed) this.#end(true);
    });
    this.feed.onTaken = () => {
      this.#took();
    };
  }

  item(envelope: ItemEnvelope): void {
    if (!this.#open) return;
    const { protocolName, name, item: schema } = this.#parts.definition;
    const where = `${protocolName}.${name} (item)`;
    try {
      const item = validated(schema, decodeValue(envelope.body), where);
      if (envelope.sequence !== this.feed.nextSequence || this.feed.push(item) === 'no-credit') {
        throw new LoomError('FRAME_MALFORMED', `${where} ${envelope.sequence} came out of turn`);
      }
    } catch (thrown) {
      this.#end(true);
      this.feed.fail(LoomError.from(thrown, 'FRAME_MALFORMED'));
    }
  }

  ended(outcome: WireCompletion): void {
    if (!this.#open) return;
    this.#end(false);
    if (outcome.ok) this.feed.complete();
    else this.feed.fail(failureOf(outcome, this.#parts.target));
  }

  fail(code: ErrorCode, detail: string): void {
    if (!this.#open) return;
    this.#end(false);
    const { definition, target } = this.#parts;
    const { protocolName, name } = definition;
    this.feed.fail(
      new LoomError(code, `${protocolName}.${name} to ${target}: ${detail}`, {
        details: { target, protocol: protocolName, message: name },
      }),
    );
  }

  #took(): void {
    if (!this.#open) return;
    this.#taken++;
    if (this.#taken < this.#batch) return;
    this.#parts.credit({ kind: 'credit', correlation: this.correlation, credits: this.#taken });
    this.#taken = 0;
  }

  #end(givenUp: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    this.#parts.over(this, givenUp);
  }
}

export interface RemoteSubscriptionParts {
  readonly correlation: number;
  readonly definition: SubscriptionDefinition<unknown, unknown>;
  readonly target: string;
  readonly credits: number;
  readonly fromSequence: number;
  readonly credit: (envelope: CreditEnvelope) => void;
  /** Called once, at the end; `givenUp` when the producer must be told. */
  readonly over: (subscription: RemoteSubscription, givenUp: boolean) => void;
}

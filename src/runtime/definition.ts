import type { ErrorCode } from '../ports/error-table.ts';
import type { CancelSignal } from './cancel-signal.ts';
import type { Schema } from './schema.ts';
import type { TraceContext } from './trace-context.ts';

/**
 * A protocol names an actor's messages with their schemas: one value from which types, validation, wire form and
 * client all come.
 *
 * - request: answered once, or failed; `errors` are the codes that are answers (they do not fail the actor).
 * - signal: not answered.
 * - subscription: answered with a sequence of items, under credits, resumable from a sequence number.
 */
export interface Protocol<M extends Messages = Messages> {
  readonly name: string;
  readonly messages: M;
  readonly clients: ClientClasses;
}

export type Messages = Readonly<Record<string, MessageDefinition>>;

export type MessageDefinition =
  | RequestDefinition<unknown, unknown, ErrorCode>
  | SignalDefinition<unknown>
  | SubscriptionDefinition<unknown, unknown>;

/** What a definition gains when its protocol is made. */
interface Placed {
  /** The message's name in its protocol; empty until `protocol` placed it. */
  name: string;
  protocolName: string;
  readonly priority: boolean;
}

export interface RequestDefinition<In, Out, Code extends ErrorCode> extends Placed {
  readonly kind: 'request';
  readonly in: Schema<In>;
  readonly out: Schema<Out>;
  readonly errors: readonly Code[];
}

export interface SignalDefinition<In> extends Placed {
  readonly kind: 'signal';
  readonly in: Schema<In>;
}

export interface SubscriptionDefinition<In, Item> extends Placed {
  readonly kind: 'subscription';
  readonly in: Schema<In>;
  readonly item: Schema<Item>;
}

/** Who is waiting for a message's reply, nearest first: what call-cycle detection looks through. */
export interface CallChain {
  readonly address: string;
  readonly above: CallChain | undefined;
  readonly depth: number;
}

/** What a tell was answered: `full` and `gone` mean that the message was not taken and is booked as refused. */
export type TellOutcome = 'accepted' | 'full' | 'gone';

export interface TellOptions {
  /** Milliseconds from now after which the message is not handled any more. */
  readonly deadlineMs?: number;
  readonly trace?: TraceContext;
}

export interface AskOptions {
  /** Milliseconds from now; default: the system's `defaultDeadlineMs`. */
  readonly deadlineMs?: number;
  /** An AbortSignal, or what a reference bound to a turn puts in its place. */
  readonly signal?: CancelSignal;
  readonly trace?: TraceContext;
  /** Who waits for this reply; set by references that are bound to a turn. */
  readonly chain?: CallChain;
}

export interface SubscribeOptions {
  /** Items that the producer may send ahead of the consumer; default 64. */
  readonly credits?: number;
  /** The sequence number to resume from; default 0. */
  readonly fromSequence?: number;
  readonly signal?: CancelSignal;
}

export interface SequencedItem<Item> {
  readonly sequence: number;
  readonly item: Item;
}

/** Whatever messages can be posted through: a reference, or a reference bound to a turn. */
export interface Poster {
  postTell(
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome;
  postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown>;
  postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>>;
}

export interface ClientClasses {
  readonly tell: new (poster: Poster) => object;
  readonly ask: new (poster: Poster) => object;
  readonly attempt: new (poster: Poster) => object;
  readonly subscribe: new (poster: Poster) => object;
}

/** The message types of a protocol, for handlers and clients. */
export type InputOf<D> = D extends { readonly in: Schema<infer In> } ? In : never;
export type ReplyOf<D> = D extends { readonly out: Schema<infer Out> } ? Out : never;
export type ItemOf<D> = D extends { readonly item: Schema<infer Item> } ? Item : never;
export type ErrorOf<D> = D extends { readonly errors: readonly (infer Code)[] } ? Code : never;

import type { LoomError } from '../ports/loom-error.ts';
import type {
  AskOptions,
  ClientClasses,
  ErrorOf,
  InputOf,
  ItemOf,
  MessageDefinition,
  Messages,
  Poster,
  Protocol,
  ReplyOf,
  RequestDefinition,
  SequencedItem,
  SubscribeOptions,
  TellOptions,
  TellOutcome,
} from './definition.ts';

type SignalNames<M> = { [K in keyof M]: M[K] extends { readonly kind: 'signal' } ? K : never }[keyof M];
type RequestNames<M> = { [K in keyof M]: M[K] extends { readonly kind: 'request' } ? K : never }[keyof M];
type SubscriptionNames<M> = {
  [K in keyof M]: M[K] extends { readonly kind: 'subscription' } ? K : never;
}[keyof M];

export type TellClient<P extends Protocol> = {
  readonly [K in SignalNames<P['messages']>]: (
    message: InputOf<P['messages'][K]>,
    options?: TellOptions,
  ) => TellOutcome;
};

/** Rejects with a LoomError. */
export type AskClient<P extends Protocol> = {
  readonly [K in RequestNames<P['messages']>]: (
    message: InputOf<P['messages'][K]>,
    options?: AskOptions,
  ) => Promise<ReplyOf<P['messages'][K]>>;
};

/** An ask whose failure is a value: `error.code` is narrowed by `declared` to the codes that the request declares. */
export type Attempt<Out, Code> =
  | { readonly ok: true; readonly value: Out }
  | { readonly ok: false; readonly declared: Code | undefined; readonly error: LoomError };

export type AttemptClient<P extends Protocol> = {
  readonly [K in RequestNames<P['messages']>]: (
    message: InputOf<P['messages'][K]>,
    options?: AskOptions,
  ) => Promise<Attempt<ReplyOf<P['messages'][K]>, ErrorOf<P['messages'][K]>>>;
};

export type SubscribeClient<P extends Protocol> = {
  readonly [K in SubscriptionNames<P['messages']>]: (
    message: InputOf<P['messages'][K]>,
    options?: SubscribeOptions,
  ) => AsyncIterable<SequencedItem<ItemOf<P['messages'][K]>>>;
};

/**
 * Makes the four client classes of a protocol once, so that a call is a plain method call. No message can have the name
 * `$poster`, so none is hidden by it.
 */
export function clientClasses(messages: Messages): ClientClasses {
  class Tell {
    readonly $poster: Poster;
    constructor(poster: Poster) {
      this.$poster = poster;
    }
  }
  class Ask {
    readonly $poster: Poster;
    constructor(poster: Poster) {
      this.$poster = poster;
    }
  }
  class TryAsk {
    readonly $poster: Poster;
    constructor(poster: Poster) {
      this.$poster = poster;
    }
  }
  class Subscribe {
    readonly $poster: Poster;
    constructor(poster: Poster) {
      this.$poster = poster;
    }
  }
  for (const definition of Object.values<MessageDefinition>(messages)) {
    switch (definition.kind) {
      case 'signal':
        method(Tell, definition.name, function (this: Tell, body: unknown, options?: TellOptions) {
          return this.$poster.postTell(definition, body, options);
        });
        break;
      case 'request': {
        const asked = definition as RequestDefinition<unknown, unknown, never>;
        method(Ask, definition.name, function (this: Ask, body: unknown, options?: AskOptions) {
          return this.$poster.postAsk(asked, body, options);
        });
        method(TryAsk, definition.name, function (this: TryAsk, body: unknown, options?: AskOptions) {
          return attempt(this.$poster, asked, body, options);
        });
        break;
      }
      case 'subscription':
        method(
          Subscribe,
          definition.name,
          function (this: Subscribe, body: unknown, options?: SubscribeOptions) {
            return this.$poster.postSubscribe(definition, body, options);
          },
        );
        break;
    }
  }
  return { tell: Tell, ask: Ask, attempt: TryAsk, subscribe: Subscribe };
}

function method(target: { readonly prototype: object }, name: string, value: unknown): void {
  Object.defineProperty(target.prototype, name, { value, enumerable: true });
}

async function attempt(
  poster: Poster,
  definition: RequestDefinition<unknown, unknown, never>,
  body: unknown,
  options: AskOptions | undefined,
): Promise<Attempt<unknown, string>> {
  try {
    return { ok: true, value: await poster.postAsk(definition, body, options) };
  } catch (thrown) {
    const error = thrown as LoomError;
    const codes: readonly string[] = definition.errors;
    return { ok: false, declared: codes.includes(error.code) ? error.code : undefined, error };
  }
}

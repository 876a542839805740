import { LoomError } from '../../../src/ports/loom-error.ts';
import {
  type ActorContext,
  type Behavior,
  type BehaviorSettings,
  behavior,
} from '../../../src/runtime/behavior.ts';
import type { Feed } from '../../../src/runtime/feed.ts';
import { protocol, request, signal, subscription } from '../../../src/runtime/protocol.ts';
import { unchecked } from '../../../src/runtime/schema.ts';
import type { Deferred, Turn } from '../../../src/runtime/turn.ts';

/** What a message makes a puppet do: the test's own code, run as a handler. */
export type Act = (context: PuppetContext, turn: Turn<never>) => void | Promise<void>;
export type Call = (context: PuppetContext, turn: Turn<unknown>) => unknown;
export type Feeding = (feed: Feed<string>, context: PuppetContext) => void | Promise<void>;
export type PuppetContext = ActorContext<typeof Puppet>;

/** An actor without a will of its own. */
export const Puppet = protocol('puppet', {
  act: signal({ in: unchecked<Act>() }),
  urgent: signal({ in: unchecked<Act>(), priority: true }),
  /** Written to the log. */
  note: signal({ in: unchecked<string>() }),
  call: request({ in: unchecked<Call>(), out: unchecked<unknown>(), errors: ['FENCED', 'NO_OWNER'] }),
  feed: subscription({ in: unchecked<Feeding>(), item: unchecked<string>() }),
});

export interface PuppetSettings extends BehaviorSettings {
  /** Runs at each start, before the first message. */
  readonly setup?: (context: PuppetContext) => void | Promise<void>;
}

/** Logs `start n` at each start and `note` messages as they are. */
export function puppet(log: string[] = [], settings: PuppetSettings = {}): Behavior<typeof Puppet> {
  const { setup, ...rest } = settings;
  return behavior(
    Puppet,
    (context) => {
      log.push(`start ${context.incarnation}`);
      const handlers = {
        act: (act: Act, turn: Turn<never>) => act(context, turn),
        urgent: (act: Act, turn: Turn<never>) => act(context, turn),
        note: (text: string) => {
          log.push(text);
        },
        call: (call: Call, turn: Turn<unknown>) => call(context, turn) as Deferred<unknown>,
        feed: (feeding: Feeding, feed: Feed<string>) => feeding(feed, context),
      };
      const under = setup?.(context);
      return under instanceof Promise ? under.then(() => handlers) : handlers;
    },
    rest,
  );
}

/** A promise to hold a turn open with, and its key. */
export class Gate {
  readonly opened: Promise<void>;
  #open: () => void = () => undefined;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }
}

export function fail(message = 'boom'): never {
  throw new Error(message);
}

/** The code of a rejection, or `resolved`. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => LoomError.from(error).code,
  );
}

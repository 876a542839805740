import type { AskClient, AttemptClient, SubscribeClient, TellClient } from './client.ts';
import type { Poster, Protocol } from './definition.ts';
import type { Terminated } from './watch.ts';

/**
 * The only way to reach an actor, on this node or another. Two references are of one actor when their addresses are
 * equal. `tell` answers at once whether the message was taken, `ask` resolves with the reply or rejects with a
 * LoomError, `attempt` gives failure as a value, `subscribe` yields items under credits.
 */
export interface ActorRef<P extends Protocol = Protocol> extends Poster {
  readonly protocol: P;
  /** `node/path` for one actor, `kind/key` for a virtual one. */
  readonly address: string;
  readonly tell: TellClient<P>;
  readonly ask: AskClient<P>;
  readonly attempt: AttemptClient<P>;
  readonly subscribe: SubscribeClient<P>;
  /**
   * Calls `listener` exactly once when the actor has stopped for good or its node's epoch has ended; at once when it
   * already has. The answer takes the listener off. A restart is no end.
   */
  onTerminated(listener: (terminated: Terminated) => void): () => void;
}

/** The four clients over any poster; a new small object each time, since keeping them costs more than making them. */
export function tellClient<P extends Protocol>(protocol: P, poster: Poster): TellClient<P> {
  return new protocol.clients.tell(poster) as TellClient<P>;
}

export function askClient<P extends Protocol>(protocol: P, poster: Poster): AskClient<P> {
  return new protocol.clients.ask(poster) as AskClient<P>;
}

export function attemptClient<P extends Protocol>(protocol: P, poster: Poster): AttemptClient<P> {
  return new protocol.clients.attempt(poster) as AttemptClient<P>;
}

export function subscribeClient<P extends Protocol>(protocol: P, poster: Poster): SubscribeClient<P> {
  return new protocol.clients.subscribe(poster) as SubscribeClient<P>;
}

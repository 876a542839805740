import { z } from 'zod';
import type { Clock } from '../ports/clock.ts';
import { type Behavior, behavior } from '../runtime/behavior.ts';
import { protocol, request, signal } from '../runtime/protocol.ts';
import type { LifeSpan } from './life.ts';
import type { MessageBook } from './message-book.ts';

/** Takes messages of the load and tells the book. */
export const Sink = protocol('sim-sink', {
  note: signal({ in: z.object({ id: z.string(), flow: z.string(), sequence: z.number() }) }),
  echo: request({
    in: z.object({ afterMs: z.number(), word: z.string() }),
    out: z.object({ word: z.string() }),
  }),
  /** Fails its handler: the actor starts again. */
  trip: signal({ in: z.object({ id: z.string(), flow: z.string(), sequence: z.number() }) }),
});

export function sink(book: MessageBook, clock: Clock, life: LifeSpan): Behavior<typeof Sink> {
  return behavior(
    Sink,
    () => ({
      note: ({ id, flow, sequence }) => book.handled(id, life, `${flow} to ${life.node}`, sequence),
      echo: async ({ afterMs, word }) => {
        if (afterMs > 0) await new Promise<void>((resolve) => void clock.after(afterMs, resolve));
        return { word };
      },
      trip: ({ id, flow, sequence }) => {
        book.handled(id, life, `${flow} to ${life.node}`, sequence);
        throw new Error('tripped, as it was told');
      },
    }),
    { mailbox: { capacity: 32 }, supervise: { maxRestarts: 1000 } },
  );
}

import type { ActorRef } from '../runtime/actor-ref.ts';
import type { TellOutcome } from '../runtime/definition.ts';
import type { Books } from './books.ts';
import type { NodeWork, WorkPlace } from './life.ts';
import { Sink, sink } from './sink-actor.ts';

export interface MessageLoadParts<Work extends NodeWork> {
  readonly place: WorkPlace;
  readonly books: Books<Work>;
  /** All nodes of the cluster, up or not. */
  readonly nodes: readonly string[];
  /** Between two steps on one node, on average. */
  readonly everyMs: number;
  /** While true, nothing new is begun. */
  readonly paused: () => boolean;
}

const watchMs = 15_000;

/** Messages between the nodes: tells in bursts and floods, asks in time and too late, watches, failing handlers. */
export function startMessageLoad<Work extends NodeWork>(parts: MessageLoadParts<Work>): void {
  const { place, books, nodes, everyMs, paused } = parts;
  const { cluster, process, life, random } = place;
  cluster.system.spawn(sink(books.messages, process, life), { name: 'sink' });
  let watching = false;
  const flow = `${life.node}.${life.epoch}`;
  let sequence = 0;

  const sinkOf = (node: string): ActorRef<typeof Sink> => cluster.ref(Sink, node, 'sink');

  function tell(node: string, how: 'note' | 'trip'): void {
    const id = books.messages.sent(life, node);
    const message = { id, flow, sequence: sequence++ };
    const { tell: client } = sinkOf(node);
    const trace = { traceId: id, spanId: '0000000000000001', sampled: true };
    const options = random.chance(0.2) ? { trace, deadlineMs: 1 + random.below(3000) } : { trace };
    const outcome: TellOutcome =
      how === 'note' ? client.note(message, options) : client.trip(message, options);
    if (outcome !== 'accepted') books.messages.refused(id);
  }

  function ask(node: string): void {
    const slow = random.chance(0.05);
    const deadlineMs = 5 + random.below(slow ? 500 : 5000);
    const message = { afterMs: slow ? random.below(800) : random.below(3), word: flow };
    void books.asks.follow(
      { life, process },
      `echo to ${node}`,
      deadlineMs,
      sinkOf(node).ask.echo(message, { deadlineMs }),
    );
  }

  /** Given up after a while: a watched peer is pinged all the time. */
  function watch(node: string): void {
    if (node === life.node || watching) return;
    watching = true;
    const watch = books.watches.watched(life, node);
    const off = sinkOf(node).onTerminated(({ epoch }) => {
      watch.told(epoch);
      watching = false;
    });
    process.after(random.float() * 2 * watchMs, () => {
      watch.givenUp();
      off();
      watching = false;
    });
  }

  function step(): void {
    if (life.endedMs !== undefined) return;
    process.after(random.float() * 2 * everyMs, step);
    if (paused()) return;
    const node = random.pick(nodes);
    const what = random.float();
    if (what < 0.55) for (let i = random.below(4); i >= 0; i--) tell(node, 'note');
    else if (what < 0.57) for (let i = 40; i >= 0; i--) tell(node, 'note');
    else if (what < 0.58) tell(node, 'trip');
    else if (what < 0.65) watch(node);
    else ask(node);
  }

  process.after(random.float() * everyMs, step);
}

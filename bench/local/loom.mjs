/** Loom, from its build, with its defaults: bounded mailboxes, supervision and a deadline on every ask. */
import { z } from 'zod';
import { systemClock } from '../../dist/adapters/clock/system-clock.js';
import { cryptoRandom } from '../../dist/adapters/random/crypto-random.js';
import { ActorSystem } from '../../dist/runtime/actor-system.js';
import { behavior } from '../../dist/runtime/behavior.js';
import { protocol, request, signal } from '../../dist/runtime/protocol.js';
import {
  actorsPerSecond,
  askInFlight,
  askSequentially,
  main,
  perSecond,
  residentMiB,
  tellBatch,
} from './pace.mjs';

const Counter = protocol('counter', {
  count: signal({ in: z.number() }),
  countAsync: signal({ in: z.number() }),
  next: request({ in: z.number(), out: z.number() }),
});

let handled = 0;
const received = () => handled;
const counter = behavior(Counter, () => ({
  count() {
    handled++;
  },
  async countAsync() {
    handled++;
  },
  async next(value) {
    return value + 1;
  },
}));

const system = new ActorSystem({ node: 'bench', epoch: 1, clock: systemClock(), random: cryptoRandom() });
const deadline = { deadlineMs: 10_000 };

function ask() {
  const ref = system.spawn(counter);
  return (i) => ref.ask.next(i, deadline);
}

await main({
  tell() {
    const ref = system.spawn(counter);
    return perSecond(tellBatch((i) => ref.tell.count(i), received));
  },
  'ask-sequential': () => perSecond(askSequentially(ask())),
  'ask-100-in-flight': () => perSecond(askInFlight(ask(), 100)),
  spawn: () => actorsPerSecond(() => system.spawn(counter)),
  'spawn-and-handle': () => actorsPerSecond((i) => system.spawn(counter).tell.count(i), received),
  'million-actors': () => residentMiB((i) => system.spawn(counter).tell.count(i), received),
  'million-actors-async': () => residentMiB((i) => system.spawn(counter).tell.countAsync(i), received),
});

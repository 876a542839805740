/** nact: no bound on a mailbox; `query` needs a timeout. Names are given, since its own may collide. */
import { dispatch, query, spawn, spawnStateless, start } from 'nact';
import {
  actorsPerSecond,
  askInFlight,
  askSequentially,
  main,
  perSecond,
  residentMiB,
  tellBatch,
} from './pace.mjs';

const system = start();
let handled = 0;
const received = () => handled;

function count(state) {
  handled++;
  return state;
}

async function countAsync(state) {
  return count(state);
}

function make(i, handler = count) {
  return spawn(system, handler, `actor-${i}`);
}

function ask() {
  const ref = spawnStateless(system, async (value, context) => dispatch(context.sender, value + 1), 'asked');
  return (i) => query(ref, i, 10_000);
}

await main({
  tell() {
    const ref = spawn(system, count, 'counter');
    return perSecond(tellBatch((i) => dispatch(ref, i), received));
  },
  'ask-sequential': () => perSecond(askSequentially(ask())),
  'ask-100-in-flight': () => perSecond(askInFlight(ask(), 100)),
  spawn: () => actorsPerSecond((i) => make(i)),
  'spawn-and-handle': () => actorsPerSecond((i) => dispatch(make(i), i), received),
  'million-actors': () => residentMiB((i) => dispatch(make(i), i), received),
  'million-actors-async': () => residentMiB((i) => dispatch(make(i, countAsync), i), received),
});

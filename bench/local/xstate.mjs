/**
 * XState's actors: a transition runs inside `send`, so a tell costs a function call and there is no turn to wait for.
 * It has no ask: the event carries the callback, and the caller keeps the deadline with a timer of its own.
 */
import { createActor, fromTransition } from 'xstate';
import {
  actorsPerSecond,
  askInFlight,
  askSequentially,
  main,
  perSecond,
  residentMiB,
  tellBatch,
} from './pace.mjs';

let handled = 0;
const received = () => handled;
const counter = fromTransition((state) => {
  handled++;
  return state;
}, 0);

async function next(value) {
  return value + 1;
}

const answering = fromTransition((state, event) => {
  next(event.value).then(event.resolve, event.reject);
  return state;
}, 0);

function ask() {
  const actor = createActor(answering).start();
  return (value) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('deadline')), 10_000);
      const settle = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
      actor.send({ type: 'next', value, resolve: settle, reject });
    });
}

const alive = [];
function make() {
  const actor = createActor(counter).start();
  alive.push(actor);
  return actor;
}

await main({
  tell() {
    const actor = make();
    return perSecond(tellBatch((value) => actor.send({ type: 'count', value }), received));
  },
  'ask-sequential': () => perSecond(askSequentially(ask())),
  'ask-100-in-flight': () => perSecond(askInFlight(ask(), 100)),
  spawn: () => actorsPerSecond(make),
  'spawn-and-handle': () => actorsPerSecond((value) => make().send({ type: 'count', value }), received),
  'million-actors': () => residentMiB((value) => make().send({ type: 'count', value }), received),
});

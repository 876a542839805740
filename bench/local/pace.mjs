/** How every program of the local suite is paced and timed; each contestant runs in a process of its own. */

const warmUpMs = 1000;
const measureMs = 2000;
const actorsPerBatch = 1000;

/** Messages sent before the sender waits: fits the default mailbox of Loom (1,024). */
export const messagesPerBatch = 1000;

/** One pass of the event loop. */
export function nextPass() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs `batch` (which answers how much work it completed) until the time is over; answers work per second. */
export async function perSecond(batch) {
  await workFor(warmUpMs, batch);
  const { completed, elapsedMs } = await workFor(measureMs, batch);
  return (completed * 1000) / elapsedMs;
}

async function workFor(durationMs, batch) {
  const startMs = performance.now();
  let completed = 0;
  let elapsedMs = 0;
  while (elapsedMs < durationMs) {
    completed += await batch();
    elapsedMs = performance.now() - startMs;
  }
  return { completed, elapsedMs };
}

/** A batch of tells: sends, then waits in passes of the event loop until the receiver has counted them all. */
export function tellBatch(send, received) {
  return async () => {
    const before = received();
    for (let i = 0; i < messagesPerBatch; i++) send(i);
    while (received() - before < messagesPerBatch) await nextPass();
    return messagesPerBatch;
  };
}

/** A batch of asks, each sent when the one before was answered. */
export function askSequentially(ask) {
  const asks = 200;
  return async () => {
    for (let i = 0; i < asks; i++) check(await ask(i), i);
    await nextPass();
    return asks;
  };
}

/** A batch of asks with `width` of them in flight. */
export function askInFlight(ask, width) {
  const asksPerLane = 20;
  const lane = async () => {
    for (let i = 0; i < asksPerLane; i++) check(await ask(i), i);
  };
  return async () => {
    await Promise.all(Array.from({ length: width }, lane));
    await nextPass();
    return width * asksPerLane;
  };
}

function check(reply, sent) {
  if (reply !== sent + 1) throw new Error(`asked with ${sent}, answered ${reply}`);
}

/** Makes `count` actors in batches; with `handled`, each batch ends when that many messages were handled. */
export async function makeActors(count, make, handled) {
  const before = handled?.() ?? 0;
  for (let made = 0; made < count; ) {
    const end = Math.min(count, made + actorsPerBatch);
    for (; made < end; made++) make(made);
    do await nextPass();
    while (handled !== undefined && handled() - before < made);
  }
}

/** Actors made per second, of 200,000 that all stay alive, after a warm-up with 20,000. */
export async function actorsPerSecond(make, handled) {
  const count = 200_000;
  let number = 0;
  const next = () => make(number++);
  await makeActors(20_000, next, handled);
  collect();
  const startMs = performance.now();
  await makeActors(count, next, handled);
  return (count * 1000) / (performance.now() - startMs);
}

/** Resident mebibytes of the whole process after a collection, with a million idle actors alive. */
export async function residentMiB(make, handled) {
  await makeActors(1_000_000, make, handled);
  collect();
  await new Promise((resolve) => setTimeout(resolve, 500));
  collect();
  return process.memoryUsage.rss() / 2 ** 20;
}

function collect() {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  globalThis.gc();
}

/** Runs the scenario that the command line names and prints its value as the last line. */
export async function main(scenarios) {
  const name = process.argv[2] ?? '';
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`no scenario "${name}"`);
  const value = await scenario();
  process.stdout.write(`${JSON.stringify({ value })}\n`, () => process.exit(0));
}

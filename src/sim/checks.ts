import { counterEntry, readCounter } from './counter-actor.ts';
import { checkDatasets } from './dataset-check.ts';
import { observer } from './settling.ts';
import type { Violations } from './violations.ts';
import type { Scene } from './work.ts';

/** All promises, at a quiet point. `all` also looks again at what was proven before. */
export async function checkAll(scene: Scene, violations: Violations, all: boolean): Promise<void> {
  const { cluster, books } = scene;
  books.messages.settle();
  books.watches.settle();
  checkTransfers(scene, violations);
  const parts = observer(scene, violations);
  if (parts === undefined) return;
  const { handle } = parts.place.cluster.membership;
  for (const key of books.effects.keys) {
    const entry = await handle.get(counterEntry(key));
    books.effects.check(key, readCounter(entry?.value));
  }
  await checkDatasets(parts, all);
  cluster.trace.line('all promises are kept');
}

/** What costs little, every virtual second. */
export function checkSome({ cluster: { nodes }, books }: Scene, violations: Violations): void {
  books.leases.check();
  books.asks.check();
  for (const { life } of nodes) {
    if (life === undefined) continue;
    const { ledger } = life.cluster.system;
    const inFlight = life.cluster.inFlight();
    if (ledger.open !== inFlight)
      violations.broken(
        'conservation',
        `${life.node}: ${ledger.open} messages are open by its ledger, ${inFlight} in flight: ${JSON.stringify(ledger.snapshot())}`,
      );
  }
}

/**
 * Conservation over the whole cluster: what was handed over was received; what was received was handed over, or its
 * sender has it as lost, or its sender is gone.
 */
function checkTransfers({ cluster: { nodes } }: Scene, violations: Violations): void {
  let received = 0;
  let handedOver = 0;
  let unsure = 0;
  for (const life of nodes.flatMap(({ lives }) => lives)) {
    const { ledger } = life.cluster.system;
    received += ledger.received;
    handedOver += ledger.handedOver;
    unsure += ledger.lost + ledger.unknown + (life.endedMs === undefined ? 0 : ledger.open);
  }
  if (handedOver > received)
    violations.broken('conservation', `${handedOver} messages were handed over, but ${received} received`);
  if (received > handedOver + unsure)
    violations.broken(
      'conservation',
      `${received} messages were received, but only ${handedOver} handed over and ${unsure} not accounted for`,
    );
}

/** Epochs, tokens and revisions: numbers of the registry that never go back, whatever becomes of its process. */
export class RegistryNumbers {
  readonly #violations: Violations;
  readonly #last = new Map<string, number>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  check(numbers: object): void {
    for (const [name, now] of Object.entries(numbers) as [string, number][]) {
      const before = this.#last.get(name) ?? 0;
      if (now < before)
        this.#violations.broken('never-back', `the registry’s ${name} went from ${before} back to ${now}`);
      this.#last.set(name, now);
    }
  }
}

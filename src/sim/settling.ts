import { type DatasetCheckParts, runningJobs } from './dataset-check.ts';
import { Sink } from './sink-actor.ts';
import type { Violations } from './violations.ts';
import type { Scene } from './work.ts';

/** What a cluster in which everything is healed still waits for; undefined when it is quiet. */
export async function awaited(scene: Scene, violations: Violations): Promise<string | undefined> {
  return unsettled(scene) ?? (await unreached(scene)) ?? (await unfinished(scene, violations));
}

/** Where data sets are looked at from: the first node that is up. */
export function observer({ cluster, books }: Scene, violations: Violations): DatasetCheckParts | undefined {
  const work = cluster.nodes.find((node) => node.work !== undefined)?.work;
  if (work === undefined) return undefined;
  return { ...work, book: books.datasets, checksum: cluster.checksum, violations };
}

function unsettled({ cluster: { nodes, service }, books }: Scene): string | undefined {
  if (service.registry === undefined) return 'the registry is down';
  if (books.datasets.askingCount > 0) return 'a client waits for its ingest';
  for (const node of nodes) {
    const { life } = node;
    if (life?.work === undefined) return `${node.name} is not up`;
    const { view, mayAct } = life.cluster.membership;
    if (!mayAct) return `${node.name} doubts its leases`;
    for (const other of nodes) {
      const seen = view.members.find((member) => member.node === other.name);
      if (seen?.epoch !== other.life?.epoch || seen?.state !== 'ready')
        return `${node.name} sees ${other.name} as epoch ${seen?.epoch} (${seen?.state}), not ${other.life?.epoch}`;
    }
    const { open, unknown } = life.cluster.system.ledger;
    if (open !== 0 || unknown !== 0)
      return `${node.name} has ${open} messages open, and ${unknown} of unknown outcome`;
  }
  return undefined;
}

/** A road that is not open again. */
async function unreached({ cluster: { nodes } }: Scene): Promise<string | undefined> {
  const asked = nodes.flatMap(({ life, work }) =>
    nodes.map(async ({ name }) => {
      if (life === undefined || work === undefined) return 'a node is not up';
      const { attempt } = life.cluster.ref(Sink, name, 'sink');
      const answer = await attempt.echo({ afterMs: 0, word: '' }, { deadlineMs: 2000 });
      return answer.ok ? undefined : `${life.node} does not reach ${name}: ${answer.error.message}`;
    }),
  );
  return (await Promise.all(asked)).find((failure) => failure !== undefined);
}

/** Jobs that go on. */
async function unfinished(scene: Scene, violations: Violations): Promise<string | undefined> {
  const parts = observer(scene, violations);
  if (parts === undefined) return 'no node is up';
  const running = await runningJobs(parts).catch((error: unknown) => [String(error)]);
  return running.length === 0 ? undefined : `these go on: ${running.join(', ')}`;
}

import type { RegistryHandle } from '../../ports/registry.ts';
import type { ActorRef } from '../../runtime/actor-ref.ts';
import { listNames } from '../pipeline/job-store.ts';
import type { Job } from '../pipeline/messages.ts';
import type { DatasetEntry } from './messages.ts';

const statusWithinMs = 2_000;

/** Every name that is taken, sorted, with the state of what has it: `done`, or that of its job. */
export async function listDatasets(
  registry: RegistryHandle,
  job: (id: string) => ActorRef<typeof Job>,
): Promise<readonly DatasetEntry[]> {
  const names = await listNames(registry);
  return Promise.all(
    names.map(async ({ name, entry }) => {
      const { bytes, chunks, createdMs, manifest } = entry;
      if (manifest !== undefined) return { name, bytes, chunks, state: 'done', createdMs };
      const status = await job(entry.job).attempt.status({}, { deadlineMs: statusWithinMs });
      // A coordinator that does not answer now has not ended its job: then the name would be finished or free.
      return { name, bytes, chunks, state: status.ok ? status.value.state : 'running', createdMs };
    }),
  );
}

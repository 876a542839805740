import { controlActor } from '../actors/control/control-actor.ts';
import { listDatasets } from '../actors/control/list-datasets.ts';
import type { ClusterStatus, Control, RegistryListing } from '../actors/control/messages.ts';
import type { EmbeddedRegistry } from '../registry/embedded/embedded-registry.ts';
import type { ActorRef } from '../runtime/actor-ref.ts';
import { ActorSystem } from '../runtime/actor-system.ts';
import type { JournalDurability } from '../runtime/journal/journal.ts';
import { Router } from '../runtime/router.ts';
import { type Machine, socketHub } from './compose.ts';
import { datasetPieces, verifiedDataset } from './dev-datasets.ts';
import { anyUp, type DevNode } from './dev-node.ts';
import type { FolderLock } from './folder-lock.ts';
import type { PipelineWork } from './pipeline-work.ts';

/** The name under which the process itself is reached, and the path of its control actor. */
export const controlNode = 'dev';
export const controlPath = 'control';

export interface ControlServerParts {
  readonly machine: Machine;
  readonly lock: FolderLock;
  readonly registry: EmbeddedRegistry;
  readonly nodes: readonly DevNode<PipelineWork>[];
  readonly durability: JournalDurability;
}

export interface ControlServer {
  /** The control actor, for code of this process. */
  readonly ref: ActorRef<typeof Control>;
  close(): Promise<void>;
}

/**
 * Serves the control actor on the lock's socket, in an actor system of its own: no message of a node passes through
 * it, and a client's frames reach nothing but it.
 */
export function serveControl(parts: ControlServerParts): ControlServer {
  const { machine, lock } = parts;
  const system = new ActorSystem({
    node: controlNode,
    epoch: 1,
    clock: machine.clock,
    random: machine.random,
  });
  const ref = system.spawn(controlActor(controlParts(parts)), { name: controlPath });
  const hub = socketHub(lock);
  const router = new Router({
    engine: system.engine,
    transport: hub,
    inbox: { cellAt: (path) => system.cellAt(path), host: () => undefined },
  });
  return {
    ref,
    close: async () => {
      await system.close();
      router.close();
      await hub.close();
    },
  };
}

/** The cluster as its control actor sees it. */
function controlParts({
  machine,
  registry,
  nodes,
  durability,
}: ControlServerParts): Parameters<typeof controlActor>[0] {
  const up = (): PipelineWork => anyUp(nodes);
  return {
    clock: machine.clock,
    status: (): ClusterStatus => ({
      nodes: nodes.map(({ plan, epoch, state }) => ({ ...plan, epoch, state })),
      adminAddress: null,
      httpAddress: null,
      durability,
    }),
    registry: (): RegistryListing => listingOf(registry),
    ingestor: () => {
      const { node, pipeline } = up();
      return pipeline.ingestorOf(node.node);
    },
    job: (id) => up().pipeline.jobs.ref(id),
    list: async () => {
      const { node, pipeline } = up();
      return listDatasets(node.membership.handle, (id) => pipeline.jobs.ref(id));
    },
    read: (name, signal) => datasetPieces({ work: up(), machine, signal }, name),
    verify: (name, signal) => verifiedDataset({ work: up(), machine, signal }, name),
  };
}

function listingOf(registry: EmbeddedRegistry): RegistryListing {
  const { members, leases, keys } = registry.listAll();
  return {
    members: members.map(({ node, epoch, state }) => ({ node, epoch, state })),
    leases: leases.map(({ key, token, holder }) => ({ key, token, holder: holder ?? null })),
    keys: keys.map(({ key, bytes, revision }) => ({ key, bytes, revision })),
  };
}

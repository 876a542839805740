import { join } from 'node:path';
import type { Manifest } from '../actors/pipeline/messages.ts';
import type { CloudCount } from '../config/cloud-counts.ts';
import type { Clock } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { EmbeddedRegistry } from '../registry/embedded/embedded-registry.ts';
import type { Fact } from '../runtime/facts.ts';
import type { JournalDurability } from '../runtime/journal/journal.ts';
import { inProcessPlanes, type Machine, machine, openDevRegistry } from './compose.ts';
import type { DataFolder } from './data-folder.ts';
import { type ControlServer, serveControl } from './dev-control.ts';
import { datasetManifest } from './dev-datasets.ts';
import { anyUp, DevNode } from './dev-node.ts';
import { type PlannedNode, planNodes } from './dev-topology.ts';
import { type PipelineWork, startPipelineWork } from './pipeline-work.ts';

export interface DevClusterOptions {
  /** Held by the caller; the cluster gives it up at its end, also when it cannot start. */
  readonly folder: DataFolder;
  readonly nodes: readonly CloudCount[];
  readonly durability: JournalDurability;
  readonly version: string;
  /** What the nodes and the registry tell; `node` is empty for the process itself. */
  readonly onFact?: (node: string, fact: Fact) => void;
}

/** What became of a drain, over all nodes. */
export interface ClusterDrain {
  readonly tookMs: number;
  /** `node: step` for each that missed its limit. */
  readonly overdue: readonly string[];
}

/** What a node of the cluster is now, for status and banner. */
export interface NodeStatus extends PlannedNode {
  readonly epoch: number;
  readonly state: string;
}

/** Under durability `memory` nothing in the folder is kept: it lies apart, and is emptied at start and end. */
const volatileFolder = 'volatile';

/**
 * A whole cluster in this process: logical nodes on one registry, one data folder and its socket, by which the command
 * line reaches it.
 */
export class DevCluster {
  readonly folder: DataFolder;
  readonly durability: JournalDurability;
  readonly control: ControlServer;
  /** Resolves when the cluster cannot go on; the process should drain it and exit 70. */
  readonly fatal: Promise<LoomError>;
  readonly #machine: Machine;
  readonly #registry: EmbeddedRegistry;
  readonly #nodes: readonly DevNode<PipelineWork>[];
  readonly #volatile: string;

  private constructor(parts: {
    readonly folder: DataFolder;
    readonly durability: JournalDurability;
    readonly machine: Machine;
    readonly registry: EmbeddedRegistry;
    readonly nodes: readonly DevNode<PipelineWork>[];
    readonly fatal: Promise<LoomError>;
  }) {
    this.folder = parts.folder;
    this.durability = parts.durability;
    this.fatal = parts.fatal;
    this.#machine = parts.machine;
    this.#registry = parts.registry;
    this.#nodes = parts.nodes;
    this.#volatile = join(parts.folder.path, volatileFolder);
    this.control = serveControl({
      machine: parts.machine,
      lock: parts.folder.lock,
      registry: parts.registry,
      nodes: parts.nodes,
      durability: parts.durability,
    });
  }

  /** Resolves when every node is up and the socket is served. Leaves nothing running when it rejects. */
  static async start(options: DevClusterOptions): Promise<DevCluster> {
    const { folder, durability, version } = options;
    const closing: (() => Promise<unknown>)[] = [() => folder.lock.release()];
    try {
      const parts = machine();
      const told = options.onFact ?? (() => undefined);
      let fail: (error: LoomError) => void = () => undefined;
      const fatal = new Promise<LoomError>((resolve) => {
        fail = resolve;
      });
      await parts.disk.removeTree(join(folder.path, volatileFolder));
      const root = durability === 'memory' ? join(folder.path, volatileFolder) : folder.path;
      const registry = await openDevRegistry(parts, join(root, 'registry'), durability, (error) => {
        told('', { type: 'internal-error', where: 'registry', error });
        // A journal that stopped is opened again only by a new process.
        if (registry.failure !== undefined) fail(registry.failure);
      });
      closing.push(() => registry.close());
      const planes = inProcessPlanes();
      const nodes = planNodes(options.nodes).map(
        (plan) =>
          new DevNode<PipelineWork>({
            plan,
            version,
            machine: parts,
            planes,
            registry,
            start: (node, stopped) =>
              startPipelineWork(node, {
                stopped,
                machine: parts,
                bulk: planes.bulk,
                folder: join(root, 'nodes', plan.id),
                cloud: plan.cloud,
                durability,
              }),
            onFact: told,
            fatal: fail,
          }),
      );
      closing.push(() => Promise.all(nodes.map((node) => node.crash())));
      await Promise.all(nodes.map((node) => node.start()));
      await Promise.all(nodes.map((node) => seesAll(node, nodes.length, parts.clock)));
      return new DevCluster({ folder, durability, machine: parts, registry, nodes, fatal });
    } catch (thrown) {
      for (const close of closing.reverse()) await close();
      throw LoomError.from(thrown);
    }
  }

  /** Whether what is acknowledged outlives the process. */
  get kept(): boolean {
    return this.durability !== 'memory';
  }

  get nodes(): readonly NodeStatus[] {
    return this.#nodes.map(({ plan, epoch, state }) => ({ ...plan, epoch, state }));
  }

  /** What a data set is. NODE_UNREACHABLE when no node is up, NO_SUCH_DATASET. */
  manifest(name: string, signal: AbortSignal): Promise<Manifest> {
    return datasetManifest({ work: anyUp(this.#nodes), machine: this.#machine, signal }, name);
  }

  /** Loses nothing: all nodes drain at once, each step within `stepMs`, then the folder is given up. */
  async drain(stepMs: number): Promise<ClusterDrain> {
    const { clock, disk } = this.#machine;
    const startMs = clock.monotonicMs();
    const reports = await Promise.all(
      this.#nodes.map(async (node) => ({ node, report: await node.drain(stepMs) })),
    );
    await this.control.close();
    await this.#registry.close();
    await disk.removeTree(this.#volatile);
    await this.folder.lock.release();
    const overdue = reports.flatMap(({ node, report }) =>
      report.steps.filter((step) => step.overdue).map(({ step }) => `${node.plan.id}: ${step}`),
    );
    return { tookMs: clock.monotonicMs() - startMs, overdue };
  }
}

/** How long nodes may take to see each other; a slow one is no reason not to start. */
const seeWithinMs = 2_000;

/** Resolves when a node's view of the members has `count` of them. */
function seesAll(node: DevNode<PipelineWork>, count: number, clock: Clock): Promise<void> {
  const cluster = node.work?.node;
  if (cluster === undefined || cluster.membership.view.members.length >= count) return Promise.resolve();
  return new Promise((resolve) => {
    const over = (): void => {
      off();
      timer.cancel();
      resolve();
    };
    const timer = clock.after(seeWithinMs, over);
    const off = cluster.onMembers(({ members }) => {
      if (members.length >= count) over();
    });
  });
}

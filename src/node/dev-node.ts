import { LoomError } from '../ports/loom-error.ts';
import type { Registry } from '../ports/registry.ts';
import { ClusterNode } from '../runtime/cluster-node.ts';
import type { DrainReport } from '../runtime/drain.ts';
import type { Fact } from '../runtime/facts.ts';
import type { ClusterPlanes, Machine } from './compose.ts';
import type { PlannedNode } from './dev-topology.ts';

/** What runs on a node besides the engine. */
export interface NodeWork {
  /** Ends what the engine does not know of: attachments, open files. */
  close(): Promise<void>;
}

export interface DevNodeParts<Work extends NodeWork> {
  readonly plan: PlannedNode;
  readonly version: string;
  readonly machine: Machine;
  readonly planes: ClusterPlanes;
  readonly registry: Registry;
  /** Starts the actors of a node that has joined. `failed` says that it must begin again from what the disk holds. */
  readonly start: (node: ClusterNode, failed: (error: LoomError) => void) => Promise<Work>;
  readonly onFact: (node: string, fact: Fact) => void;
  /** The node cannot go on: it escalated too often, or cannot join. */
  readonly fatal: (error: LoomError) => void;
}

export type DevNodeState = 'starting' | 'ready' | 'draining' | 'gone';

/** Restarts of a node after failures that nobody answered; one more and the process gives up. */
const mostEscalations = 3;
/** Joins that are tried before the node gives up; between them the waits double. */
const mostJoins = 8;
const firstJoinWaitMs = 50;

/**
 * One logical node of a process. Its epoch may end and its failures may escalate: then it is crashed, as a real node
 * would be, and joins again under a new epoch.
 *
 * D1. At most one incarnation of the node runs; the next one joins only after the last was crashed.
 * D2. After `drain` or `crash` no other begins.
 */
export class DevNode<Work extends NodeWork> {
  readonly plan: PlannedNode;
  readonly #parts: DevNodeParts<Work>;
  #node: ClusterNode | undefined = undefined;
  #work: Work | undefined = undefined;
  #starting: Promise<void> | undefined = undefined;
  #closing: Promise<void> = Promise.resolve();
  #state: DevNodeState = 'starting';
  #lastEpoch = 0;
  #escalations = 0;
  #over = false;

  constructor(parts: DevNodeParts<Work>) {
    this.plan = parts.plan;
    this.#parts = parts;
  }

  get state(): DevNodeState {
    return this.#state;
  }

  /** The present epoch, or the last one; 0 before the first. */
  get epoch(): number {
    return this.#lastEpoch;
  }

  /** What runs on the node, while it is up. */
  get work(): Work | undefined {
    return this.#state === 'ready' ? this.#work : undefined;
  }

  /** Joins and starts. What it throws is final. */
  start(): Promise<void> {
    this.#starting ??= this.#begin().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async drain(stepMs: number): Promise<DrainReport> {
    this.#over = true;
    // What was beginning again need not come up any more; it tells its own failure.
    await this.#starting?.catch(() => undefined);
    const node = this.#node;
    if (node === undefined) {
      this.#state = 'gone';
      return { steps: [] };
    }
    this.#state = 'draining';
    const report = await node.drain(stepMs);
    this.#node = undefined;
    this.#closeWork(this.#work);
    await this.#closing;
    this.#state = 'gone';
    return report;
  }

  /** Ends as kill -9 would: no hook runs, nothing is released. Resolves when no file of the node is open any more. */
  crash(): Promise<void> {
    this.#over = true;
    this.#end();
    this.#state = 'gone';
    return this.#closing;
  }

  async #begin(): Promise<void> {
    this.#state = 'starting';
    while (!this.#over) {
      await this.#closing;
      const node = await this.#join();
      if (node === undefined) break;
      this.#node = node;
      this.#lastEpoch = node.epoch;
      const work = await this.#startOn(node);
      if (work === undefined) continue;
      this.#work = work;
      this.#state = 'ready';
      return;
    }
    this.#end();
    this.#state = 'gone';
  }

  /** Undefined when the node's epoch ended, or the process did, while it started. */
  async #startOn(node: ClusterNode): Promise<Work | undefined> {
    try {
      const work = await this.#parts.start(node, (error) => {
        if (this.#node === node) this.#escalated(error);
      });
      if (this.#node === node) return work;
      this.#closeWork(work);
      return undefined;
    } catch (thrown) {
      if (this.#node !== node) return undefined;
      this.#end();
      this.#state = 'gone';
      throw thrown;
    }
  }

  async #join(): Promise<ClusterNode | undefined> {
    const { machine, planes, plan, registry, version, onFact } = this.#parts;
    for (let tried = 1; ; tried++) {
      try {
        return await ClusterNode.join({
          member: {
            node: plan.id,
            cloud: plan.cloud,
            region: plan.region,
            zone: plan.zone,
            version,
            addresses: {},
            capabilities: {},
          },
          clock: machine.clock,
          random: machine.random,
          transport: planes.transport,
          registry,
          guardWith: machine.checksum,
          onFact: (fact) => onFact(plan.id, fact),
          ended: () => this.#again(),
          escalated: (error) => this.#escalated(error),
        });
      } catch (thrown) {
        if (this.#over) return undefined;
        if (tried >= mostJoins || !LoomError.from(thrown).retryable) throw thrown;
        const waitMs = firstJoinWaitMs * 2 ** (tried - 1);
        await new Promise<void>((resolve) => void machine.clock.after(waitMs, resolve));
      }
    }
  }

  #escalated(error: unknown): void {
    this.#escalations++;
    if (this.#escalations > mostEscalations) {
      const detail = `node ${this.plan.id} failed ${this.#escalations} times in ways that nothing handles`;
      this.#over = true;
      this.#end();
      this.#parts.fatal(new LoomError('NODE_FAILED', detail, { cause: error }));
      return;
    }
    this.#again();
  }

  /** D1: the old incarnation ends now; the next one begins in a later turn, or goes on where one is beginning. */
  #again(): void {
    if (this.#over) return;
    this.#end();
    this.#state = 'starting';
    if (this.#starting !== undefined) return;
    this.#parts.machine.clock.later(() => {
      if (this.#over) return;
      this.start().catch((thrown: unknown) => {
        if (!this.#over) this.#parts.fatal(LoomError.from(thrown));
      });
    });
  }

  #end(): void {
    const node = this.#node;
    this.#node = undefined;
    node?.crash();
    this.#closeWork(this.#work);
  }

  #closeWork(work: Work | undefined): void {
    this.#work = undefined;
    if (work === undefined) return;
    this.#closing = Promise.all([this.#closing, work.close()]).then(
      () => undefined,
      (error: unknown) => {
        this.#parts.onFact(this.plan.id, { type: 'internal-error', where: 'closing a node', error });
      },
    );
  }
}

/** What runs on the first node that is up, so that what follows on each other goes the same way; NODE_UNREACHABLE. */
export function anyUp<Work extends NodeWork>(nodes: readonly DevNode<Work>[]): Work {
  for (const { work } of nodes) if (work !== undefined) return work;
  throw new LoomError('NODE_UNREACHABLE', 'no node of the cluster is up');
}

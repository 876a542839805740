import { z } from 'zod';
import { shardOf } from '../../../src/placement/owner-of.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import {
  type ActorContext,
  type Behavior,
  type BehaviorSettings,
  behavior,
} from '../../../src/runtime/behavior.ts';
import type { Feed } from '../../../src/runtime/feed.ts';
import { protocol, request, signal, subscription } from '../../../src/runtime/protocol.ts';
import type { Ownership } from '../../../src/runtime/shard.ts';
import type { ShardRegion, ShardRegionOptions } from '../../../src/runtime/shard-region.ts';
import { encodeToBytes } from '../../../src/runtime/wire/value.ts';
import { decodeValue } from '../../../src/runtime/wire/value-decode.ts';
import { Cluster, type ClusterOptions, type NodeLife } from './cluster-fixture.ts';

/** A virtual actor that keeps a list of ids in the registry, under its lease. */
export const Tally = protocol('tally', {
  add: request({ in: z.object({ id: z.string() }), out: z.number() }),
  note: signal({ in: z.object({ id: z.string() }) }),
  read: request({ in: z.object({}), out: z.array(z.string()) }),
  where: request({ in: z.object({}), out: z.object({ node: z.string(), token: z.number() }) }),
  /** Works for so long, or until it is told to give up. */
  work: request({ in: z.object({ ms: z.number() }), out: z.string() }),
  /** Answers after so long, out of its turn. */
  owe: request({ in: z.object({ ms: z.number() }), out: z.string() }),
  /** Puts itself aside until `open`. */
  later: request({ in: z.object({}), out: z.string() }),
  open: signal({ in: z.object({}) }),
  ticks: subscription({ in: z.object({}), item: z.string() }),
  fail: request({ in: z.object({}), out: z.string() }),
  stop: signal({ in: z.object({}) }),
});

export type TallyRef = ActorRef<typeof Tally>;

/** One incarnation of a tally, as the test watches it. */
export interface Incarnation {
  readonly key: string;
  readonly life: NodeLife;
  readonly token: number;
  readonly startedMs: number;
  mayAct(): boolean;
  alive(): boolean;
}

export interface TallyOptions extends ClusterOptions {
  readonly region?: Partial<ShardRegionOptions<typeof Tally>>;
  readonly actor?: BehaviorSettings;
  /** How long the stop hook takes. */
  readonly flushMs?: number;
}

export const tallyShards = 32;

/**
 * A cluster whose nodes share one kind of virtual actors. Looked at after every event: of one key never two actors
 * live that may both act, and tokens only grow.
 */
export class TallyCluster {
  readonly incarnations: Incarnation[] = [];
  /** What happened to tallies, in order: `start`, `flush`, `flushed`, `add` with key and node. */
  readonly log: string[] = [];
  /** Handlers and setups that began on a node that might not act. */
  readonly trespasses: string[] = [];
  cluster!: Cluster;
  readonly #regions = new Map<NodeLife, ShardRegion<typeof Tally>>();

  static async open(names: readonly string[], options: TallyOptions = {}): Promise<TallyCluster> {
    const tallies = new TallyCluster();
    tallies.cluster = await Cluster.open(names, {
      registryDelayMs: 2,
      ...options,
      setup: (life) => tallies.#setUp(life, options),
    });
    tallies.cluster.invariants.push(() => tallies.check());
    return tallies;
  }

  region(name: string): ShardRegion<typeof Tally> {
    const region = this.#regions.get(this.cluster.life(name));
    if (region === undefined) throw new Error(`${name} has no region`);
    return region;
  }

  ref(from: string, key: string): TallyRef {
    return this.region(from).ref(key);
  }

  /** A key that this node is named for at present. */
  keyOwnedBy(name: string): string {
    const region = this.region(this.cluster.living[0]?.name ?? name);
    for (let i = 0; i < 1000; i++) {
      if (region.candidate(shardOf(`k${i}`, tallyShards)) === name) return `k${i}`;
    }
    throw new Error(`no key is ${name}'s`);
  }

  alive(key: string): readonly Incarnation[] {
    return this.incarnations.filter((one) => one.key === key && one.alive());
  }

  check(): void {
    const acting = new Map<string, Incarnation>();
    for (const one of this.incarnations) {
      if (!one.alive() || !one.mayAct()) continue;
      const other = acting.get(one.key);
      if (other !== undefined)
        throw new Error(`${one.key} lives on ${other.life.name} and ${one.life.name}, and both may act`);
      acting.set(one.key, one);
    }
  }

  /** Of one key, tokens never go back, and another node has a larger one. */
  checkTokens(): void {
    const last = new Map<string, Incarnation>();
    for (const one of this.incarnations) {
      const before = last.get(one.key);
      last.set(one.key, one);
      if (before === undefined) continue;
      if (one.token < before.token || (one.life !== before.life && one.token === before.token))
        throw new Error(`${one.key}: token ${one.token} on ${one.life.name} after ${before.token}`);
    }
  }

  #setUp(life: NodeLife, options: TallyOptions): void {
    const region = life.node.region({
      kind: 'tally',
      protocol: Tally,
      shards: tallyShards,
      behavior: (ownership) => this.#tally(life, ownership, options),
      ...options.region,
    });
    this.#regions.set(life, region);
  }

  #tally(life: NodeLife, ownership: Ownership, options: TallyOptions): Behavior<typeof Tally> {
    const { key, token, leaseKey } = ownership;
    const log = (what: string): void => {
      this.log.push(`${what} ${key} ${life.name}`);
    };
    return behavior(
      Tally,
      async (context) => {
        const startedMs = this.cluster.time.nowMs;
        const mayAct = (): boolean => ownership.mayAct();
        const enter = (what: string): void => {
          if (!mayAct()) this.trespasses.push(`${what} ${key} ${life.name}`);
        };
        enter('start');
        this.incarnations.push({ key, life, token, startedMs, mayAct, alive: () => isAlive(life, context) });
        log('start');
        context.onStop(async () => {
          log('flush');
          if (options.flushMs !== undefined) await wait(life, options.flushMs);
          log('flushed');
        });
        const registry = context.port(life.node.membership.handle);
        const stored = await registry.get(`tally/${key}`);
        const feeds: Feed<string>[] = [];
        let opened = false;
        const ids = stored === undefined ? [] : (decodeValue(stored.value) as string[]);
        const add = async (id: string): Promise<number> => {
          const value = encodeToBytes([...ids, id]);
          const answer = await registry.transact([{ op: 'set', key: `tally/${key}`, value }], {
            key: leaseKey,
            token,
          });
          if (answer.kind !== 'applied') throw new LoomError('FENCED', answer.kind);
          ids.push(id);
          log(`add ${id}`);
          return ids.length;
        };
        return {
          add: ({ id }) => add(id),
          note: async ({ id }) => {
            enter(`note ${id}`);
            await add(id);
          },
          read: () => ids,
          where: () => ({ node: life.name, token }),
          work: async ({ ms }, turn) => {
            await wait(life, ms, turn.signal);
            return 'worked';
          },
          owe: ({ ms }, turn) => {
            const deferred = turn.defer();
            life.process.after(ms, () => deferred.resolve('paid'));
            return deferred;
          },
          later: () => {
            if (!opened) context.stash();
            return 'opened';
          },
          open: () => {
            opened = true;
            context.unstash();
          },
          ticks: (_body, feed) => {
            feeds.push(feed);
            feed.push('tick');
          },
          fail: () => {
            throw new Error('made to fail');
          },
          stop: () => context.stop(),
        };
      },
      options.actor,
    );
  }
}

function isAlive(life: NodeLife, context: ActorContext<typeof Tally>): boolean {
  if (!life.lives) return false;
  try {
    context.aside(context.self);
    return true;
  } catch {
    return false;
  }
}

function wait(life: NodeLife, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = life.process.after(ms, resolve);
    signal?.addEventListener('abort', () => {
      timer.cancel();
      reject(signal.reason as Error);
    });
  });
}

/** The ids that a key has in the registry. */
export async function storedIds(cluster: Cluster, key: string): Promise<readonly string[]> {
  const handle = await cluster.registry.join({
    node: 'auditor',
    cloud: '',
    region: '',
    zone: '',
    version: '',
    addresses: {},
    capabilities: {},
  });
  const stored = await handle.get(`tally/${key}`);
  await handle.leave();
  return stored === undefined ? [] : (decodeValue(stored.value) as string[]);
}

import type { Clock } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { LeaseRecord, Member, MemberDescription, Registry } from '../../ports/registry.ts';
import type { Journal, JournalRecord } from '../../runtime/journal/journal.ts';
import type { Change, Counters } from './change.ts';
import { decodeChanges } from './change-codec.ts';
import { CommitLoop, registryRecordType } from './commit-loop.ts';
import { Deadlines } from './deadlines.ts';
import { endEpoch, join } from './decisions.ts';
import { type EmbeddedRegistryHandle, EpochHandle, type HandleParts } from './handle.ts';
import { checkName } from './limits.ts';
import { NodeLink } from './node-link.ts';
import { isGeneration, numberOf } from './number.ts';
import { RegistryState } from './registry-state.ts';
import { Watches } from './watches.ts';

/** The registry that lives in a process of the cluster itself and keeps its truths in a journal. */
export interface EmbeddedRegistry extends Registry {
  join(member: MemberDescription): Promise<EmbeddedRegistryHandle>;
  /** Cuts a node off, whether or not it has a handle: its calls and joins fail with REGISTRY_UNREACHABLE. */
  sever(node: string): void;
  mend(node: string): void;
  /** Everything it holds, for the eyes of an operator. */
  listAll(): RegistryListing;
  /** Why the journal stopped, when it has: what needs no record goes on, everything else fails. */
  readonly failure: LoomError | undefined;
  /** Carries out the calls that it has taken, then closes the journal. Epochs end without being told. */
  close(): Promise<void>;
  /** Ends at once, as a killed process does: calls under way fail with REGISTRY_UNREACHABLE, nothing is written. */
  crash(): void;
}

interface RegistryListing {
  readonly counters: Counters;
  readonly members: readonly Member[];
  readonly leases: readonly LeaseRecord[];
  readonly keys: readonly { readonly key: string; readonly bytes: number; readonly revision: number }[];
}

export interface EmbeddedRegistryOptions {
  readonly clock: Clock;
  /** Opens the journal that belongs to this registry alone. */
  readonly journal: (replay: (record: JournalRecord) => void) => Promise<Journal>;
  /** How long an epoch lives without a renewal, in milliseconds. 3000 by default. */
  readonly ttlMs?: number;
  /** Raised by an operator after the registry was wiped or restored from a copy. Never taken back. */
  readonly generation?: number;
  /**
   * For how long after opening the leases of an earlier run are answered as held, in milliseconds. Give the TTL where
   * nodes outlive the registry's process: an old holder stops itself no later than that (R3). 0 by default, for a
   * registry whose nodes end with it.
   */
  readonly restartGraceMs?: number;
  /** The journal is compacted when it is larger than this and than four times what is live. 4 MiB by default. */
  readonly compactAboveBytes?: number;
  /** Hears of what listeners throw and of failures of the journal. */
  readonly report: (error: LoomError) => void;
}

/** Opens the registry: every earlier epoch has ended, every lease is free, tokens, revisions and values are kept. */
export async function openEmbeddedRegistry(options: EmbeddedRegistryOptions): Promise<EmbeddedRegistry> {
  const { clock, report, ttlMs = defaultTtlMs, restartGraceMs = 0 } = options;
  const { generation = 0, compactAboveBytes = defaultCompactAboveBytes } = options;
  if (!isGeneration(generation))
    throw new LoomError('INVALID_DEFINITION', `${generation} is no registry generation`);

  const state = new RegistryState();
  const journal = await options.journal((record) => {
    if (record.type !== registryRecordType) {
      throw new LoomError('JOURNAL_CORRUPT', `a record of type ${record.type} is none of the registry's`);
    }
    for (const change of decodeChanges(record.body)) state.evolve(change);
  });

  const lastToken = numberOf(state.counters.generation, state.counters.index);
  const graceEndsMs = clock.monotonicMs() + restartGraceMs;
  const links = new Map<string, NodeLink>();
  const watches = new Watches(clock, report);
  const committed = (changes: readonly Change[]): void => {
    for (const change of changes) {
      if (change.kind === 'member-put')
        deadlines.start({ node: change.member.node, epoch: change.member.epoch });
      else if (change.kind === 'member-gone') deadlines.forget(change.epoch);
    }
    watches.changed(changes);
  };
  const loop = new CommitLoop({ clock, journal, state, compactAboveBytes, committed, report });
  const deadlines = new Deadlines(clock, ttlMs, (epoch) => {
    // It can fail only when the registry is closed, and then there is no epoch left to end.
    loop.submit(endEpoch(epoch)).catch(report);
  });
  const parts: HandleParts = {
    loop,
    deadlines,
    watches,
    reserved: (token) => token <= lastToken && clock.monotonicMs() < graceEndsMs,
  };

  function linkOf(node: string): NodeLink {
    let link = links.get(node);
    if (link === undefined) {
      link = new NodeLink(node);
      links.set(node, link);
    }
    return link;
  }

  const opened = (now: RegistryState): { answer: undefined; changes: readonly Change[] } => {
    const { counters } = now;
    const raised = Math.max(counters.generation, generation);
    const next: Counters = { ...counters, generation: raised, starts: counters.starts + 1 };
    return { answer: undefined, changes: [{ kind: 'counters', ...next }] };
  };
  try {
    await loop.submit(opened);
  } catch (thrown) {
    await journal.close();
    throw thrown;
  }

  return {
    async join(member: MemberDescription): Promise<EmbeddedRegistryHandle> {
      checkName('node', member.node);
      const link = linkOf(member.node);
      const own = Object.freeze({
        ...member,
        addresses: Object.freeze({ ...member.addresses }),
        capabilities: Object.freeze({ ...member.capabilities }),
      });
      const epoch = await link.call(loop, () => {
        deadlines.sweep();
        return loop.submit(join(own));
      });
      return new EpochHandle(parts, link, epoch);
    },
    sever(node: string): void {
      linkOf(node).sever();
    },
    mend(node: string): void {
      linkOf(node).mend();
      watches.wake();
    },
    listAll(): RegistryListing {
      const { view } = loop;
      return {
        counters: view.counters,
        members: view.membersView().members,
        leases: view.leases(''),
        keys: view.values('').map(({ key, value, revision }) => ({ key, bytes: value.length, revision })),
      };
    },
    get failure(): LoomError | undefined {
      return loop.failure;
    },
    async close(): Promise<void> {
      deadlines.close();
      watches.close();
      await loop.close();
    },
    crash(): void {
      deadlines.close();
      watches.close();
      loop.crash();
    },
  };
}

const defaultTtlMs = 3000;
const defaultCompactAboveBytes = 4 * 1024 * 1024;

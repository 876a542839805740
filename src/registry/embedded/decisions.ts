import { LoomError } from '../../ports/loom-error.ts';
import type {
  KeyValueOperation,
  LeaseAnswer,
  LeaseProof,
  Member,
  MemberDescription,
  MemberState,
  TransactionAnswer,
} from '../../ports/registry.ts';
import type { Change } from './change.ts';
import { indexOf } from './number.ts';
import type { RegistryState } from './registry-state.ts';

/**
 * What each call answers and changes, judged on one state in one step. Pure: the state is only read. A refusal is a
 * thrown LoomError, and then nothing changes.
 */
export interface Decision<Answer> {
  readonly answer: Answer;
  readonly changes: readonly Change[];
}

export type Decide<Answer> = (state: RegistryState) => Decision<Answer>;

/** One start of a node, as its handle knows it. */
export interface Epoch {
  readonly node: string;
  readonly epoch: number;
}

export function join(description: MemberDescription): Decide<Epoch> {
  return (state) => {
    const epoch = state.nextNumber();
    const { node, cloud, region, zone, version, addresses, capabilities } = description;
    const member: Member = {
      node,
      cloud,
      region,
      zone,
      version,
      addresses,
      capabilities,
      epoch,
      state: 'ready',
    };
    const changes: Change[] = [];
    const before = state.member(node);
    if (before !== undefined) changes.push({ kind: 'member-gone', node, epoch: before.epoch });
    changes.push({ kind: 'number', index: indexOf(epoch) }, { kind: 'member-put', member });
    return { answer: { node, epoch }, changes };
  };
}

export function setState(of: Epoch, to: MemberState): Decide<void> {
  return (state) => {
    const member = liveMember(state, of);
    if (member.state === to) return unchanged(undefined);
    return { answer: undefined, changes: [{ kind: 'member-put', member: { ...member, state: to } }] };
  };
}

/** Ends an epoch. One that has ended already is left as it is. */
export function endEpoch(of: Epoch): Decide<void> {
  return (state) => {
    if (state.member(of.node)?.epoch !== of.epoch) return unchanged(undefined);
    return { answer: undefined, changes: [{ kind: 'member-gone', node: of.node, epoch: of.epoch }] };
  };
}

/** `reserved` says whether the lease may still be held by a node that an earlier run of the registry knew. */
export function acquire(of: Epoch, key: string, reserved: (token: number) => boolean): Decide<LeaseAnswer> {
  return (state) => {
    liveMember(state, of);
    const entry = state.lease(key);
    if (entry !== undefined) {
      if (entry.holderEpoch === of.epoch) return unchanged({ kind: 'granted', token: entry.token });
      if (entry.holderEpoch !== 0 || reserved(entry.token)) {
        return unchanged({ kind: 'held', byNode: entry.node, token: entry.token });
      }
    }
    const token = state.nextNumber();
    return {
      answer: { kind: 'granted', token },
      changes: [
        { kind: 'token', key, token, node: of.node },
        { kind: 'lease-held', key, epoch: of.epoch },
      ],
    };
  };
}

export function release(of: Epoch, key: string, token: number): Decide<void> {
  return (state) => {
    if (!holds(state, of, { key, token })) return unchanged(undefined);
    return { answer: undefined, changes: [{ kind: 'lease-freed', key }] };
  };
}

/** Operations are judged in order, each on what the ones before it made; all their changes carry one revision. */
export function transact(
  of: Epoch,
  operations: readonly KeyValueOperation[],
  lease: LeaseProof | undefined,
): Decide<TransactionAnswer> {
  return (state) => {
    liveMember(state, of);
    if (lease !== undefined && !holds(state, of, lease)) return unchanged({ kind: 'lease-lost' });
    const revision = state.counters.revision + 1;
    const written = new Map<string, number>();
    const changes: Change[] = [];
    for (const [position, operation] of operations.entries()) {
      const { key } = operation;
      const present = written.get(key) ?? state.value(key)?.revision ?? 0;
      if (operation.ifRevision !== undefined && operation.ifRevision !== present) {
        return unchanged({ kind: 'conflict', operation: position });
      }
      if (operation.op === 'set') {
        written.set(key, revision);
        changes.push({ kind: 'value-set', key, value: operation.value, revision });
      } else if (operation.op === 'delete' && present !== 0) {
        written.set(key, 0);
        changes.push({ kind: 'value-deleted', key, revision });
      }
    }
    return { answer: { kind: 'applied', revision: changes.length === 0 ? revision - 1 : revision }, changes };
  };
}

function liveMember(state: RegistryState, of: Epoch): Member {
  const member = state.member(of.node);
  if (member?.epoch === of.epoch) return member;
  const why = member === undefined ? 'is no longer a member' : `has joined again under epoch ${member.epoch}`;
  throw new LoomError('EPOCH_ENDED', `epoch ${of.epoch} of ${of.node} has ended: the node ${why}`, {
    details: { node: of.node, epoch: of.epoch },
  });
}

function holds(state: RegistryState, of: Epoch, { key, token }: LeaseProof): boolean {
  const entry = state.lease(key);
  return entry !== undefined && entry.token === token && entry.holderEpoch === of.epoch;
}

function unchanged<Answer>(answer: Answer): Decision<Answer> {
  return { answer, changes: [] };
}

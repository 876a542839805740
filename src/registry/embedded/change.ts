import type { KeyValue, Member } from '../../ports/registry.ts';

/**
 * What can happen to the registry, one step each. `registry-state.ts` evolves by changes and by nothing else.
 *
 * C1. Counters, fencing tokens and key-value pairs are durable: their changes are journaled before anybody hears of them.
 * C2. Members and lease holders are session state: their changes are never journaled and die with the process.
 * C3. A change says what is, not what was asked: replaying it needs no judgement.
 */
export type Change = DurableChange | SessionChange;

export type DurableChange =
  | CountersChange
  | NumberChange
  | TokenChange
  | ({ readonly kind: 'value-set' } & KeyValue)
  | ValueDeletedChange;

type SessionChange = MemberPutChange | MemberGoneChange | LeaseHeldChange | LeaseFreedChange;

/** Written when a registry opens, and at the head of a snapshot. */
interface CountersChange extends Counters {
  readonly kind: 'counters';
}

export interface Counters {
  /** Upper part of every number: raised by an operator after the registry was wiped or restored from a copy. */
  readonly generation: number;
  /** How often the registry has been opened. */
  readonly starts: number;
  /** Lower part of the last number given. */
  readonly index: number;
  /** Revision of the last change of a key-value pair. */
  readonly revision: number;
}

/** A number was given out as an epoch. */
interface NumberChange {
  readonly kind: 'number';
  readonly index: number;
}

/** A number was given out as the fencing token of a lease; `node` is who asked. */
interface TokenChange {
  readonly kind: 'token';
  readonly key: string;
  readonly token: number;
  readonly node: string;
}

interface ValueDeletedChange {
  readonly kind: 'value-deleted';
  readonly key: string;
  readonly revision: number;
}

interface MemberPutChange {
  readonly kind: 'member-put';
  readonly member: Member;
}

/** The epoch of a node ended; every lease that it held is free with this very change. */
interface MemberGoneChange {
  readonly kind: 'member-gone';
  readonly node: string;
  readonly epoch: number;
}

interface LeaseHeldChange {
  readonly kind: 'lease-held';
  readonly key: string;
  readonly epoch: number;
}

interface LeaseFreedChange {
  readonly kind: 'lease-freed';
  readonly key: string;
}

export function isDurable(change: Change): change is DurableChange {
  switch (change.kind) {
    case 'counters':
    case 'number':
    case 'token':
    case 'value-set':
    case 'value-deleted':
      return true;
    case 'member-put':
    case 'member-gone':
    case 'lease-held':
    case 'lease-freed':
      return false;
  }
}

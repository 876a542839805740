/**
 * Who is in the cluster, who owns what, and the small truths that must outlive any node: members with epochs, leases
 * with fencing tokens, and a key-value store changed by compare-and-set.
 *
 * R1. An epoch is given at `join`, is larger than every epoch given before in this registry, and ends when the node
 *     leaves, joins again, or does not `renew` for the TTL. A member's leases end with its epoch.
 * R2. A fencing token is given at `acquire` and is larger than every token given before for that key, also after
 *     release, expiry, deletion, restart or a crash of the registry. Compare tokens with `<`.
 * R3. At most one live holder a key. Expiry is judged by the registry's own monotonic clock; the holder stops itself
 *     earlier, on its own clock, counted from the moment at which it sent the renewal.
 * R4. A transaction applies all its operations or none. With `lease`, it applies only while that lease is held with
 *     that token, judged in the same step.
 * R5. A watch tells of every later state at least once, in order of revision; states in between may be skipped. It
 *     begins with the present state. An empty or failed answer never looks like an empty cluster: the last good view
 *     stays.
 * R6. One handle a node; after `sever` (a cut, in simulation and chaos) its calls fail with REGISTRY_UNREACHABLE and
 *     its watches are silent until `mend`.
 * R7. Limits: value 512 KB, key 512 bytes, 64 operations a transaction (REGISTRY_LIMIT).
 */
export interface Registry {
  join(member: MemberDescription): Promise<RegistryHandle>;
}

export const maxRegistryValueBytes: number = 512 * 1000;
export const maxRegistryKeyBytes: number = 512;
export const maxRegistryOperations: number = 64;

export interface MemberDescription {
  readonly node: string;
  readonly cloud: string;
  readonly region: string;
  readonly zone: string;
  readonly version: string;
  /** Where the node is reached, by plane: transport, bulk, admin. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly capabilities: Readonly<Record<string, string>>;
}

export type MemberState = 'ready' | 'draining';

export interface Member extends MemberDescription {
  readonly epoch: number;
  readonly state: MemberState;
}

export interface MembersView {
  readonly revision: number;
  /** Sorted by node id; only members whose epoch is live. */
  readonly members: readonly Member[];
}

export interface RegistryHandle {
  readonly node: string;
  readonly epoch: number;
  /** How long the registry keeps the epoch alive after the last renewal that it received. */
  readonly ttlMs: number;
  /** Renews the epoch and all leases under it. EPOCH_ENDED when it has already ended: the node must join again. */
  renew(): Promise<void>;
  setState(state: MemberState): Promise<void>;
  members(): Promise<MembersView>;
  watchMembers(listener: (view: MembersView) => void): RegistrySubscription;
  /** Takes the lease for this epoch when nobody holds it. Holding it already answers the same token again. */
  acquire(key: string): Promise<LeaseAnswer>;
  /** Gives a lease back; a token that is no longer the holder's is ignored. */
  release(key: string, token: number): Promise<void>;
  leases(prefix: string): Promise<readonly LeaseRecord[]>;
  get(key: string): Promise<KeyValue | undefined>;
  /** All pairs whose key starts with `prefix`, sorted by key. */
  list(prefix: string): Promise<readonly KeyValue[]>;
  transact(operations: readonly KeyValueOperation[], lease?: LeaseProof): Promise<TransactionAnswer>;
  watch(
    prefix: string,
    listener: (pairs: readonly KeyValue[], revision: number) => void,
  ): RegistrySubscription;
  /** Ends the epoch at once, in order: leases released, member gone. */
  leave(): Promise<void>;
  /** Drops the handle without telling the registry, as a crash does. */
  close(): void;
}

export interface RegistrySubscription {
  close(): void;
}

export type LeaseAnswer =
  | { readonly kind: 'granted'; readonly token: number }
  | { readonly kind: 'held'; readonly byNode: string; readonly token: number };

export interface LeaseRecord {
  readonly key: string;
  readonly token: number;
  readonly holder: string | undefined;
  readonly holderEpoch: number;
}

export interface LeaseProof {
  readonly key: string;
  readonly token: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision of the registry at which this value was written; grows with every change. */
  readonly revision: number;
}

/** `ifRevision` 0 asks that the key does not exist; absent asks nothing. */
export type KeyValueOperation =
  | { readonly op: 'set'; readonly key: string; readonly value: Uint8Array; readonly ifRevision?: number }
  | { readonly op: 'delete'; readonly key: string; readonly ifRevision?: number }
  | { readonly op: 'check'; readonly key: string; readonly ifRevision: number };

export type TransactionAnswer =
  | { readonly kind: 'applied'; readonly revision: number }
  | { readonly kind: 'conflict'; readonly operation: number }
  | { readonly kind: 'lease-lost' };

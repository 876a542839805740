/**
 * The public door of Loom. What is not named here is not for use from outside and may change in any version.
 */

export { nativeChecksum } from './adapters/checksum/native-checksum.ts';
export { systemClock } from './adapters/clock/system-clock.ts';
export { nodeDisk } from './adapters/disk/node-disk.ts';
export { cryptoRandom } from './adapters/random/crypto-random.ts';
export { type DataFolder, openDataFolder } from './node/data-folder.ts';
export { type ClusterDrain, DevCluster, type DevClusterOptions } from './node/dev-cluster.ts';
export type { Checksum, Hasher } from './ports/checksum.ts';
export type { Clock, TimerHandle } from './ports/clock.ts';
export type { Disk, DiskFile } from './ports/disk.ts';
export { type ErrorCode, type ErrorRow, errorTable } from './ports/error-table.ts';
export { LoomError, type LoomErrorOptions } from './ports/loom-error.ts';
export type { Random } from './ports/random.ts';
export type { MemberDescription, Registry, RegistryHandle } from './ports/registry.ts';
export type { Transport } from './ports/transport.ts';
export { openEmbeddedRegistry } from './registry/embedded/embedded-registry.ts';
export { registryJournal } from './registry/embedded/registry-journal.ts';
export type { ActorRef } from './runtime/actor-ref.ts';
export { ActorSystem, type ActorSystemOptions } from './runtime/actor-system.ts';
export {
  type ActorContext,
  type Behavior,
  type BehaviorOptions,
  type BehaviorSettings,
  behavior,
  type Handler,
  type Handlers,
} from './runtime/behavior.ts';
export { ClusterNode, type ClusterNodeOptions } from './runtime/cluster-node.ts';
export type {
  AskOptions,
  Protocol,
  SubscribeOptions,
  TellOptions,
  TellOutcome,
} from './runtime/definition.ts';
export {
  type Delivery,
  type EventStream,
  type EventStreamOptions,
  eventStream,
  type Topics,
  type ToSignal,
} from './runtime/event-stream.ts';
export type { DeadLetter, Fact, FactListener } from './runtime/facts.ts';
export type { Feed } from './runtime/feed.ts';
export { type HashRouter, hashRouter, type KeyOf } from './runtime/hash-router.ts';
export { memoryJournal } from './runtime/journal/memory-journal.ts';
export { protocol, request, signal, subscription } from './runtime/protocol.ts';
export type { PullProtocol } from './runtime/pull-protocol.ts';
export { type PullRouterSettings, pullRouter } from './runtime/pull-router.ts';
export { type Schema, type SchemaIssue, unchecked } from './runtime/schema.ts';
export type { Ownership } from './runtime/shard.ts';
export type { ShardRegion, ShardRegionOptions } from './runtime/shard-region.ts';
export type { Deferred, Turn } from './runtime/turn.ts';
export type { Terminated } from './runtime/watch.ts';
export { MemoryTransport } from './transport/memory/memory-transport.ts';

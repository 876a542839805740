import { z } from 'zod';
import { protocol, request, signal, subscription } from '../../runtime/protocol.ts';

/**
 * The messages and records of the pipeline: ingest, process, distribute, store.
 *
 * The five components of the product's document are these actors: DataIngestionEngine is the ingestor,
 * ProcessingWorkerPool the chunk workers, DistributionCoordinator the coordinator (kind `job`) with `replicate-chunk`,
 * StorageManager the storage keeper, PipelineMonitor the monitor.
 */

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const nodeId = z.string().min(1).max(128);
const blake3Hex = z.string().regex(/^[0-9a-f]{64}$/);
const datasetId = z.string().regex(/^[a-z0-9-]{1,64}$/);
const nothing = z.object({});

/** What a source was when its job was planned; a difference later is SOURCE_CHANGED. */
const sourcePin = z.object({
  device: z.number(),
  inode: z.number(),
  bytes: count,
  modifiedMs: z.number(),
});
export type SourcePin = z.infer<typeof sourcePin>;

const bulkTicket = z.object({ node: nodeId, ticket: z.string().min(1).max(200) });

/** The fencing token of a try: the coordinator's lease token, then the attempt. Compared in this order. */
const workToken = z.object({ coordinator: count, attempt: count });
export type WorkToken = z.infer<typeof workToken>;

const transform = z.object({ name: z.string().min(1).max(64), version: z.string().min(1).max(32) });

const chunkIdentity = z.object({
  dataset: datasetId,
  name: z.string().min(1).max(255),
  job: z.string().min(1).max(64),
  index: count,
  chunkCount: count,
  sourceOffset: count,
  sourceBytes: count,
  blockBytes: count,
  transform,
});
export type ChunkIdentity = z.infer<typeof chunkIdentity>;

/** Names stored bytes: the data set, the chunk's place in it, and what it must hash to. */
const chunkKey = z.object({ dataset: datasetId, index: count, blake3: blake3Hex });
export type ChunkKey = z.infer<typeof chunkKey>;

/** What is known of a chunk when its bytes have all passed: needed to commit what was staged. */
const chunkSeal = z.object({
  storedBytes: count,
  blake3: blake3Hex,
  sourceBlake3: blake3Hex,
  blockCount: count,
});
export type ChunkSeal = z.infer<typeof chunkSeal>;

/**
 * The storage keeper of a node, named `keeper`.
 *
 * `stage` pulls the blocks under a ticket into a temporary file and answers when all are there; `commit` makes them
 * durable under their name. `copy` does both from a keeper that has the chunk. Each refuses a token older than one that
 * was seen for the data set (FENCED).
 */
export const Keeper = protocol('keeper', {
  stage: request({
    in: z.object({ chunk: chunkIdentity, from: bulkTicket, token: workToken }),
    out: z.object({ staged: z.string(), bytes: count, blocks: count }),
    errors: [
      'FENCED',
      'DISK_FULL',
      'CHECKSUM_MISMATCH',
      'BULK_PEER_GONE',
      'BULK_TICKET_UNKNOWN',
      'KEEPER_BUSY',
      'CANCELLED',
    ],
  }),
  commit: request({
    in: z.object({ staged: z.string(), seal: chunkSeal, token: workToken }),
    out: z.object({ bytes: count }),
    errors: ['FENCED', 'DISK_FULL', 'CHECKSUM_MISMATCH', 'NO_SUCH_STAGE'],
  }),
  discard: signal({ in: z.object({ staged: z.string() }) }),
  copy: request({
    in: z.object({ chunk: chunkIdentity, seal: chunkSeal, fromNode: nodeId, token: workToken }),
    out: z.object({ bytes: count }),
    errors: [
      'FENCED',
      'DISK_FULL',
      'CHECKSUM_MISMATCH',
      'BULK_PEER_GONE',
      'BULK_TICKET_UNKNOWN',
      'NO_SUCH_CHUNK',
      'KEEPER_BUSY',
    ],
  }),
  /** A ticket under which the verified blocks of a stored chunk may be pulled; it expires unused after a minute. */
  offerChunk: request({
    in: chunkKey,
    out: z.object({ from: bulkTicket, bytes: count, blocks: count, blockBytes: count }),
    errors: ['NO_SUCH_CHUNK'],
  }),
  /** Reads the whole chunk again: header, every block's CRC32C, BLAKE3. */
  verifyChunk: request({
    in: chunkKey,
    out: z.object({ ok: z.boolean(), reason: z.string().optional() }),
  }),
  /** Fetches an object of `bytes` bytes under a ticket, checks its hash and keeps it durably. */
  keepObject: request({
    in: z.object({ from: bulkTicket, blake3: blake3Hex, bytes: count, owner: datasetId }),
    out: nothing,
    errors: ['DISK_FULL', 'CHECKSUM_MISMATCH', 'BULK_PEER_GONE', 'BULK_TICKET_UNKNOWN'],
  }),
  offerObject: request({
    in: z.object({ blake3: blake3Hex }),
    out: z.object({ from: bulkTicket, bytes: count }),
    errors: ['NO_SUCH_CHUNK'],
  }),
  /** Drops what a failed or cancelled job left behind. */
  forgetDataset: request({ in: z.object({ dataset: datasetId }), out: z.object({ chunks: count }) }),
  space: request({
    in: nothing,
    out: z.object({ freeBytes: count, totalBytes: count, chunks: count, chunkBytes: count }),
  }),
});

const source = z.object({ node: nodeId, path: z.string(), pin: sourcePin });

export const ingestOrder = z.object({
  path: z.string().min(1).max(4096),
  name: z.string().min(1).max(255),
  chunkBytes: count,
  blockBytes: count,
  replicas: z.number().int().min(1).max(16),
  minClouds: z.number().int().min(1).max(16),
});
export type IngestOrder = z.infer<typeof ingestOrder>;

/** The ingestor of a node, named `ingestor`: opens sources of that node and offers their bytes chunk by chunk. */
export const Ingestor = protocol('ingestor', {
  /** Plans a job and hands it to its coordinator; answers once the job is durable in the registry. */
  ingest: request({
    in: ingestOrder,
    out: z.object({ job: z.string(), dataset: datasetId, name: z.string(), bytes: count, chunks: count }),
    errors: [
      'ALREADY_EXISTS',
      'INVALID_NAME',
      'SOURCE_NOT_A_FILE',
      'DISK_NOT_FOUND',
      'DISK_DENIED',
      'DISK_NOT_A_FILE',
      'DISK_IO',
      'TOO_FEW_NODES',
      'TOO_FEW_CLOUDS',
      'INVALID_OPTION',
      'REGISTRY_UNREACHABLE',
    ],
  }),
  /** A ticket for one range of a source that this node holds. It is checked against its pin before and after. */
  offerSource: request({
    in: z.object({ job: z.string(), source, offset: count, bytes: count, blockBytes: count }),
    out: z.object({ from: bulkTicket }),
    errors: ['SOURCE_CHANGED', 'SOURCE_UNREACHABLE', 'DISK_NOT_FOUND', 'DISK_DENIED', 'DISK_IO'],
  }),
  /** Ends an offer; unknown ones are ignored. */
  revokeSource: signal({ in: z.object({ ticket: z.string() }) }),
});

const replicaTarget = z.object({ node: nodeId, cloud: z.string(), from: nodeId });

/** One try at one chunk, granted to one node for `leaseMs` from now; `renew` prolongs it. */
const work = z.object({
  token: workToken,
  chunk: chunkIdentity,
  source,
  targets: z.array(replicaTarget),
  leaseMs: z.number(),
});
export type Work = z.infer<typeof work>;

const storedChunk = z.object({
  storedBytes: count,
  blake3: blake3Hex,
  sourceBlake3: blake3Hex,
  blockCount: count,
  replicas: z.array(z.object({ node: nodeId, cloud: z.string() })),
  worker: nodeId,
  /** Milliseconds: reading and checking, then storing. */
  processMs: z.number(),
  storeMs: z.number(),
});
export type StoredChunk = z.infer<typeof storedChunk>;

/** Why a try ended: `transform` counts against the chunk's three tries, `lost` against its ten. */
const failureKind = z.enum(['transform', 'lost', 'source-changed', 'source-unreachable']);
export type FailureKind = z.infer<typeof failureKind>;

const jobState = z.enum(['running', 'paused', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobState>;

export const jobProgress = z.object({
  job: z.string(),
  name: z.string(),
  state: jobState,
  reason: z.string().optional(),
  code: z.string().optional(),
  bytes: count,
  bytesDone: count,
  chunks: count,
  chunksDone: count,
  chunksLeased: count,
  retries: count,
});
export type JobProgress = z.infer<typeof jobProgress>;

/** The coordinator of a job: a virtual actor of kind `job`, its key the job's id. */
export const Job = protocol('job', {
  /** Asks for work for one slot of a node; waits up to `waitMs` when there is none now. */
  lease: request({
    in: z.object({ node: nodeId, cloud: z.string(), waitMs: z.number().min(0).max(30_000) }),
    out: z.object({ work: work.optional(), over: z.boolean() }),
    errors: ['NO_SUCH_JOB'],
  }),
  renew: request({
    in: z.object({ token: workToken, index: count }),
    out: nothing,
    errors: ['FENCED', 'NO_SUCH_JOB'],
  }),
  /** Commits a try's result; the first one for a chunk counts. Answers once it is durable in the registry. */
  complete: request({
    in: z.object({ token: workToken, index: count, stored: storedChunk }),
    out: nothing,
    errors: ['FENCED', 'NO_SUCH_JOB', 'REGISTRY_UNREACHABLE'],
  }),
  fail: request({
    in: z.object({
      token: workToken,
      index: count,
      kind: failureKind,
      code: z.string(),
      reason: z.string(),
      /** A node that could not take its replica. */
      badNode: z.string().optional(),
    }),
    out: nothing,
    errors: ['FENCED', 'NO_SUCH_JOB'],
  }),
  status: request({ in: nothing, out: jobProgress, errors: ['NO_SUCH_JOB'] }),
  /** From the coordinator to itself: time has passed, or a job that is over wants its manifest. */
  tick: signal({ in: nothing }),
  /** The job's progress: now, and after each change; ends when the job has ended. */
  progress: subscription({ in: nothing, item: jobProgress }),
});

/** The chunk worker of a node, named `worker`: takes work from all running jobs. */
export const Worker = protocol('worker', {
  /** The jobs that run now, from the registry. */
  jobs: signal({ in: z.object({ running: z.array(z.string()) }) }),
  /** A slot became free, by itself or after a wait. */
  slotFree: signal({ in: z.object({ slot: count }) }),
});

/** The head of a job in the registry, at `jobs/<id>`. */
export const jobHead = z.object({
  id: z.string(),
  dataset: datasetId,
  name: z.string(),
  state: jobState,
  code: z.string().optional(),
  reason: z.string().optional(),
  source,
  bytes: count,
  chunkBytes: count,
  blockBytes: count,
  chunkCount: count,
  replicas: count,
  minClouds: count,
  transform,
  createdMs: z.number(),
  manifest: blake3Hex.optional(),
});
export type JobHead = z.infer<typeof jobHead>;

/** What is durable of one chunk; leases are not. `tried` names nodes whose try failed. */
const chunkRecord = z.object({
  state: z.enum(['waiting', 'done', 'quarantined']),
  failures: count,
  losses: count,
  tried: z.array(nodeId),
  reason: z.string().optional(),
  stored: storedChunk.optional(),
});
export type ChunkRecord = z.infer<typeof chunkRecord>;

/** A page of chunk records, at `chunks/<job>/<page>`: `chunksPerPage` each, the last one shorter. */
export const chunkPage = z.array(chunkRecord);
export const chunksPerPage = 16;

/** A name's entry, at `names/<name>`: taken by a job, and finished once it has a manifest. */
export const nameEntry = z.object({
  job: z.string(),
  dataset: datasetId,
  manifest: blake3Hex.optional(),
  manifestBytes: count.optional(),
  manifestNodes: z.array(nodeId).optional(),
  bytes: count,
  chunks: count,
  createdMs: z.number(),
});
export type NameEntry = z.infer<typeof nameEntry>;

/** What a data set is: its ordered chunks and where they came from. Stored as an object under its hash. */
export const manifest = z.object({
  format: z.literal(1),
  dataset: datasetId,
  name: z.string(),
  job: z.string(),
  bytes: count,
  sourceBytes: count,
  blockBytes: count,
  transform,
  source,
  createdMs: z.number(),
  chunks: z.array(
    z.object({
      index: count,
      sourceOffset: count,
      sourceBytes: count,
      storedBytes: count,
      blake3: blake3Hex,
      sourceBlake3: blake3Hex,
      blockCount: count,
      replicas: z.array(z.object({ node: nodeId, cloud: z.string() })),
      worker: nodeId,
      attempts: count,
      processMs: z.number(),
      storeMs: z.number(),
    }),
  ),
});
export type Manifest = z.infer<typeof manifest>;
export type ManifestChunk = Manifest['chunks'][number];

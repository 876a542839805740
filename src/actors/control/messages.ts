import { z } from 'zod';
import { protocol, request, subscription } from '../../runtime/protocol.ts';
import { ingestOrder, jobProgress } from '../pipeline/messages.ts';

/** What the command line asks of a running cluster, over the folder's socket. The JSON of commands is made of these. */

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const nothing = z.object({});
const named = z.object({ name: z.string().min(1).max(255) });

const clusterStatus = z.object({
  nodes: z.array(
    z.object({
      id: z.string(),
      cloud: z.string(),
      region: z.string(),
      zone: z.string(),
      epoch: z.number(),
      state: z.string(),
    }),
  ),
  adminAddress: z.string().nullable(),
  httpAddress: z.string().nullable(),
  durability: z.string(),
});
export type ClusterStatus = z.infer<typeof clusterStatus>;

const registryListing = z.object({
  members: z.array(z.object({ node: z.string(), epoch: z.number(), state: z.string() })),
  leases: z.array(z.object({ key: z.string(), token: z.number(), holder: z.string().nullable() })),
  keys: z.array(z.object({ key: z.string(), bytes: count, revision: z.number() })),
});
export type RegistryListing = z.infer<typeof registryListing>;

const datasetEntry = z.object({
  name: z.string(),
  bytes: count,
  chunks: count,
  state: z.string(),
  createdMs: z.number(),
});
export type DatasetEntry = z.infer<typeof datasetEntry>;

const badReplica = z.object({ chunk: count, node: z.string(), reason: z.string() });

/** Every replica of every chunk was read again in full. `bad` is empty only when all of them verify. */
const verifyReport = z.object({
  name: z.string(),
  bytes: count,
  chunks: count,
  replicasMin: count,
  cloudsMin: count,
  bad: z.array(badReplica),
});
export type VerifyReport = z.infer<typeof verifyReport>;

/** An order that was taken: the job is durable and goes on whether or not anybody looks. */
const ingestReceipt = z.object({
  job: z.string(),
  dataset: z.string(),
  name: z.string(),
  bytes: count,
  chunks: count,
});
export type IngestReceipt = z.infer<typeof ingestReceipt>;

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, { error: 'is not bytes' });
const datasetPiece = z.object({ total: count, bytes });
export type DatasetPiece = z.infer<typeof datasetPiece>;

export const Control = protocol('control', {
  status: request({ in: nothing, out: clusterStatus }),
  registry: request({ in: nothing, out: registryListing }),
  ingest: request({
    in: ingestOrder,
    out: ingestReceipt,
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
  progress: subscription({ in: z.object({ job: z.string() }), item: jobProgress }),
  list: request({ in: nothing, out: z.object({ datasets: z.array(datasetEntry) }) }),
  /** The stored bytes in order, in pieces of at most 128 KiB, each checked before it is sent. */
  read: subscription({ in: named, item: datasetPiece }),
  verify: request({ in: named, out: verifyReport, errors: ['NO_SUCH_DATASET'] }),
});

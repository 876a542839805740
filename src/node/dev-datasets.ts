import type { DatasetPiece, VerifyReport } from '../actors/control/messages.ts';
import { findName } from '../actors/pipeline/job-store.ts';
import { fetchManifest } from '../actors/pipeline/manifest-object.ts';
import type { Manifest, NameEntry } from '../actors/pipeline/messages.ts';
import { readDataset } from '../actors/pipeline/read-dataset.ts';
import { verifyDataset } from '../actors/pipeline/verify-dataset.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Machine } from './compose.ts';
import type { PipelineWork } from './pipeline-work.ts';

/** Half of what a message may hold, so that head and encoding have room. */
const pieceBytes = 128 * 1024;

/** A node that is up, through which data sets are looked at. */
export interface DatasetAccess {
  readonly work: PipelineWork;
  readonly machine: Machine;
  readonly signal: AbortSignal;
}

/** What a data set is. NO_SUCH_DATASET, also while it is being ingested. */
export async function datasetManifest(access: DatasetAccess, name: string): Promise<Manifest> {
  return manifestOf(access, await finished(access, name));
}

/** The bytes of a data set in order, checked, in pieces that fit into a message. */
export async function* datasetPieces(
  access: DatasetAccess,
  name: string,
): AsyncGenerator<DatasetPiece, void, void> {
  const manifest = await datasetManifest(access, name);
  const { work, machine, signal } = access;
  const { clock, checksum } = machine;
  const { keeperOf } = work.pipeline;
  for await (const { bytes } of readDataset({
    manifest,
    keeperOf,
    bulk: work.bulk,
    checksum,
    clock,
    signal,
  })) {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      yield { total: manifest.bytes, bytes: bytes.subarray(at, at + pieceBytes) };
    }
  }
}

/** Reads every replica of a data set again. */
export async function verifiedDataset(access: DatasetAccess, name: string): Promise<VerifyReport> {
  const entry = await finished(access, name);
  const manifest = await manifestOf(access, entry);
  const { work, machine, signal } = access;
  const clouds = new Map(work.node.membership.view.members.map(({ node, cloud }) => [node, cloud]));
  const replicas = (entry.manifestNodes ?? []).map((node) => ({ node, cloud: clouds.get(node) ?? node }));
  const verdict = await verifyDataset({
    manifest,
    manifestObject: { blake3: entry.manifest, replicas },
    keeperOf: work.pipeline.keeperOf,
    bulk: work.bulk,
    checksum: machine.checksum,
    signal,
  });
  return { name, ...verdict, bad: [...verdict.bad] };
}

type FinishedEntry = NameEntry & { readonly manifest: string };

async function finished({ work }: DatasetAccess, name: string): Promise<FinishedEntry> {
  const entry = await findName(work.node.membership.handle, name);
  const missing = (detail: string): LoomError =>
    new LoomError('NO_SUCH_DATASET', detail, { details: { name } });
  if (entry === undefined) throw missing(`“${name}”`);
  const { manifest } = entry;
  if (manifest === undefined) throw missing(`“${name}” is being ingested`);
  return { ...entry, manifest };
}

function manifestOf({ work, machine, signal }: DatasetAccess, entry: NameEntry): Promise<Manifest> {
  const otherNodes = work.node.membership.view.members.map(({ node }) => node);
  const { keeperOf } = work.pipeline;
  return fetchManifest({ entry, bulk: work.bulk, checksum: machine.checksum, keeperOf, otherNodes, signal });
}

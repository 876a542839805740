import type { JobHead, Manifest } from '../actors/pipeline/messages.ts';
import { jobHead } from '../actors/pipeline/messages.ts';
import { verifyDataset } from '../actors/pipeline/verify-dataset.ts';
import type { Checksum } from '../ports/checksum.ts';
import { LoomError } from '../ports/loom-error.ts';
import { validated } from '../runtime/schema.ts';
import { decodeValue } from '../runtime/wire/value-decode.ts';
import type { DatasetBook, Wanted } from './dataset-book.ts';
import type { WorkPlace } from './life.ts';
import type { PipelineLoad } from './pipeline-load.ts';
import type { Violations } from './violations.ts';

export interface DatasetCheckParts {
  readonly place: WorkPlace;
  readonly load: PipelineLoad;
  readonly book: DatasetBook;
  readonly checksum: Checksum;
  readonly violations: Violations;
}

/**
 * At a quiet point: what was acknowledged is there, once, whole, and in as many copies as were promised, less those that
 * this run has damaged itself.
 */
export async function checkDatasets(parts: DatasetCheckParts, all: boolean): Promise<void> {
  for (const wanted of [...parts.book.wanted.values()]) {
    if (wanted.proven && !all) continue;
    try {
      await checkDataset(parts, wanted);
    } catch (thrown) {
      parts.violations.broken('nothing-lost', `“${wanted.name}”: ${LoomError.from(thrown).message}`);
    }
  }
}

/** Jobs that the registry counts as running, each with what its coordinator says of it. */
export async function runningJobs({ place, load }: DatasetCheckParts): Promise<readonly string[]> {
  const prefix = 'running/';
  const running = await place.cluster.membership.handle.list(prefix);
  return Promise.all(
    running.map(async ({ key }) => {
      const id = key.slice(prefix.length);
      const answer = await load.pipeline.jobs.ref(id).attempt.status({}, { deadlineMs: 5000 });
      return `${id}: ${answer.ok ? JSON.stringify(answer.value) : answer.error.message}`;
    }),
  );
}

async function checkDataset(parts: DatasetCheckParts, wanted: Wanted): Promise<void> {
  const { place, load, book, violations } = parts;
  const entry = await load.entry(wanted.name);
  if (entry === undefined) {
    const head = wanted.job === undefined ? undefined : await headOf(place, wanted.job);
    // A job that failed gives its name back.
    if (head?.state === 'failed') failedJob(parts, wanted, head);
    else if (wanted.job !== undefined)
      violations.broken(
        'nothing-lost',
        `“${wanted.name}” was acknowledged and is not there (${head?.state})`,
      );
    else if (wanted.unknown) book.forget(wanted);
    return;
  }
  book.named(wanted, entry.job, entry.manifest);
  const head = await headOf(place, entry.job);
  if (head === undefined) {
    violations.broken('nothing-lost', `“${wanted.name}” belongs to job ${entry.job}, which is not there`);
  } else if (head.state === 'failed') {
    failedJob(parts, wanted, head);
  } else if (head.state !== 'done' || entry.manifest === undefined) {
    violations.broken('nothing-stuck', `job ${head.id} of “${wanted.name}” is ${head.state}: ${head.reason}`);
  } else {
    const manifest = await load.manifest(entry);
    checkManifest(parts, wanted, manifest);
    book.read(wanted, await load.read(manifest));
    await checkReplicas(parts, wanted, manifest, {
      blake3: entry.manifest,
      replicas: (entry.manifestNodes ?? []).map((node) => ({ node, cloud: cloudOf(node) })),
    });
    if (!wanted.proven) book.end('job done');
    wanted.proven = true;
  }
}

function failedJob({ book, violations }: DatasetCheckParts, wanted: Wanted, head: JobHead): void {
  if (!wanted.proven)
    book.end(`job failed: ${head.code}: ${head.reason?.replace(/[0-9]+/g, '#').slice(0, 160)}`);
  wanted.proven = true;
  if (head.reason === undefined || head.code === undefined)
    violations.broken('nothing-lost', `job ${head.id} of “${wanted.name}” failed without a reason`);
  if (head.code === 'SOURCE_CHANGED' && !wanted.changed)
    violations.broken(
      'nothing-lost',
      `job ${head.id} of “${wanted.name}” failed for a change of its source that never was`,
    );
}

function checkManifest({ violations }: DatasetCheckParts, wanted: Wanted, manifest: Manifest): void {
  const chunks = Math.ceil(wanted.bytes.length / wanted.chunkBytes);
  if (manifest.chunks.length !== chunks || manifest.bytes !== wanted.bytes.length)
    violations.broken(
      'effect-once',
      `“${wanted.name}” has ${manifest.chunks.length} chunks of ${manifest.bytes} bytes, not ${chunks} of ${wanted.bytes.length}`,
    );
  for (const { index, replicas } of manifest.chunks) {
    const nodes = new Set(replicas.map(({ node }) => node));
    const clouds = new Set(replicas.map(({ cloud }) => cloud));
    if (nodes.size < 3 || clouds.size < 2)
      violations.broken(
        'nothing-lost',
        `chunk ${index} of “${wanted.name}” has copies on ${[...nodes].join(', ')} only`,
      );
  }
}

async function checkReplicas(
  { place, load, book, checksum, violations }: DatasetCheckParts,
  wanted: Wanted,
  manifest: Manifest,
  manifestObject: Parameters<typeof verifyDataset>[0]['manifestObject'],
): Promise<void> {
  const { bad } = await verifyDataset({
    ...{ manifest, manifestObject, checksum, bulk: place.bulk },
    keeperOf: load.pipeline.keeperOf,
    signal: new AbortController().signal,
  });
  for (const { chunk, node, reason } of bad) {
    if (book.isDamaged(node, manifest.dataset) || book.isDamaged(node, manifestObject.blake3)) continue;
    violations.broken('nothing-lost', `the copy of chunk ${chunk} of “${wanted.name}” on ${node}: ${reason}`);
  }
}

async function headOf(place: WorkPlace, job: string): Promise<JobHead | undefined> {
  const stored = await place.cluster.membership.handle.get(`jobs/${job}`);
  return stored === undefined ? undefined : validated(jobHead, decodeValue(stored.value), stored.key);
}

function cloudOf(node: string): string {
  return node.slice(0, node.indexOf('-'));
}

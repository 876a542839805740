import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDuration } from '../../config/duration.ts';
import type { Settings } from '../../config/settings.ts';
import { formatBytes } from '../../config/size.ts';
import { type Machine, machine } from '../../node/compose.ts';
import { openDataFolder } from '../../node/data-folder.ts';
import { DevCluster } from '../../node/dev-cluster.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { reportFacts } from '../commands/verify.ts';
import { factLog } from '../fact-log.ts';
import { followIngest } from '../follow-ingest.ts';
import type { Io } from '../io.ts';
import type { Output } from '../output.ts';
import { type DemoReport, demoReport } from './demo-report.ts';
import { type DemoSource, givenSize, makeSource, readSource } from './demo-source.ts';
import { checkDemoSpace } from './demo-space.ts';

export interface DemoOptions {
  readonly io: Io;
  readonly output: Output;
  readonly settings: Settings;
  readonly version: string;
  /** Bytes of synthetic data, or the path of a file. */
  readonly source: { readonly bytes: number } | { readonly path: string };
  readonly keep: boolean;
}

/** Where the demo left its cluster, when it was asked to keep it. */
export interface DemoOutcome {
  readonly report: DemoReport;
  readonly name: string;
  readonly kept: string | undefined;
}

const drainStepMs = 5_000;
const verifyWithinMs = 3_600_000;
const stageColumns = 9;

/** The whole way of one file, each stage shown: made, taken in, stored, verified, read back, compared, removed. */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  const { io, output, source, keep } = options;
  const parts = machine();
  const temporary = await realpath(io.environment['TMPDIR'] ?? tmpdir());
  const bytes = 'path' in source ? await givenSize(parts, source.path) : source.bytes;
  await checkDemoSpace(parts.disk, temporary, bytes, 'path' in source ? 3 : 4);
  const folder = await mkdtemp(join(temporary, 'loom-demo-'));
  // A second Ctrl-C ends the process at once; the folder goes even then.
  const sweep = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', sweep);
  let done = false;
  try {
    const outcome = await inFolder(options, new Stages(io, output), parts, folder, bytes);
    done = true;
    return outcome;
  } finally {
    process.off('exit', sweep);
    if (!keep || !done) await rm(folder, { recursive: true, force: true });
  }
}

async function inFolder(
  { io, output, settings, version, source, keep }: DemoOptions,
  stages: Stages,
  parts: Machine,
  folder: string,
  bytes: number,
): Promise<DemoOutcome> {
  const { signal } = io;
  const file: DemoSource = await stages.run('source', bytes, async (progress) => {
    const following = { signal, progress };
    if ('path' in source) return readSource(parts, source.path, following);
    await mkdir(join(folder, 'source'));
    return makeSource(parts, join(folder, 'source'), bytes, following);
  });
  const { path } = file;
  const made = 'path' in source ? path : 'records of 12 features and a label, JSON lines, seed 42';
  stages.tell('source', `${formatBytes(file.bytes)}: ${made}`);

  const cluster = await DevCluster.start({
    folder: await openDataFolder(join(folder, 'data'), { version, environment: io.environment }),
    nodes: settings.nodes,
    durability: settings.durability,
    version,
    onFact: factLog(settings.logLevel, (line) => output.note(line)),
  });
  try {
    const ids = cluster.nodes.map(({ id }) => id).join(' ');
    stages.tell('cluster', `${ids}, ${settings.durability}`);
    const outcome = await throughCluster(cluster, stages, { settings, file, parts, signal });
    return { ...outcome, kept: keep ? cluster.folder.path : undefined };
  } finally {
    await cluster.drain(drainStepMs);
  }
}

interface Passage {
  readonly settings: Settings;
  readonly file: DemoSource;
  readonly parts: Machine;
  readonly signal: AbortSignal;
}

const name = 'demo';

async function throughCluster(
  cluster: DevCluster,
  stages: Stages,
  { settings, file, parts, signal }: Passage,
): Promise<{ readonly report: DemoReport; readonly name: string }> {
  const control = cluster.control.ref;
  const { chunkBytes, blockBytes, replicas, minClouds } = settings;
  const order = { path: file.path, name, chunkBytes, blockBytes, replicas, minClouds };
  const ingested = await stages.run('ingest', file.bytes, (progress) =>
    followIngest(control, order, {
      signal,
      taken: () => undefined,
      progress: ({ bytesDone }) => progress(bytesDone),
    }),
  );
  const seconds = stages.lastMs / 1_000;
  stages.tell(
    'ingest',
    `${ingested.chunks} chunks read, checked and stored ${replicas} times, ${settings.durability}`,
  );

  const verified = await stages.run('verify', undefined, () =>
    control.ask.verify({ name }, { deadlineMs: verifyWithinMs, signal }),
  );
  stages.tell('verify', `${reportFacts(verified)}, ${verified.bad.length} bad`);

  const hasher = parts.checksum.blake3();
  const readBytes = await stages.run('read', file.bytes, async (progress) => {
    let done = 0;
    for await (const { item } of control.subscribe.read({ name }, { signal })) {
      hasher.update(item.bytes);
      done += item.bytes.length;
      progress(done);
    }
    signal.throwIfAborted();
    return done;
  });
  const readBackEqual = readBytes === file.bytes && hasher.digestHex() === file.blake3;
  stages.tell(
    'read',
    `${formatBytes(readBytes)} read back, BLAKE3 ${readBackEqual ? 'equal to' : 'DIFFERENT from'} the source’s`,
  );

  const manifest = await cluster.manifest(name, signal);
  return { report: demoReport({ seconds, replicas, verified, manifest, readBackEqual }), name };
}

/** Runs stages one after another and says of each what it did and how long it took. */
class Stages {
  readonly #io: Io;
  readonly #output: Output;
  #bytes: number | undefined = undefined;
  #startMs: number;
  lastMs = 0;

  constructor(io: Io, output: Output) {
    this.#io = io;
    this.#output = output;
    this.#startMs = io.monotonicMs();
  }

  async run<T>(
    stage: string,
    bytes: number | undefined,
    work: (progress: (done: number) => void) => Promise<T>,
  ): Promise<T> {
    this.#io.signal.throwIfAborted();
    this.#bytes = bytes;
    this.#startMs = this.#io.monotonicMs();
    const bar = this.#output.progress({ label: stage.padEnd(stageColumns), format: formatBytes });
    try {
      return await work((done) => bar.update(done, bytes));
    } finally {
      this.lastMs = this.#io.monotonicMs() - this.#startMs;
      bar.end();
    }
  }

  /** Says what the stage did, with its time and speed. */
  tell(stage: string, what: string): void {
    const nowMs = this.#io.monotonicMs();
    const tookMs = nowMs - this.#startMs;
    const perSecond =
      this.#bytes === undefined || tookMs <= 0 ? 0 : Math.round(this.#bytes / (tookMs / 1_000));
    const speed = perSecond === 0 ? '' : `  ${formatBytes(perSecond)}/s`;
    this.#output.note(`  ${stage.padEnd(stageColumns)}${what}  ${formatDuration(tookMs)}${speed}`);
    this.#startMs = nowMs;
    this.#bytes = undefined;
  }
}

/** Neither half of the demo's promise may be reported as kept when it was not. */
export function demoFailure({ lostChunks, readBackEqual }: DemoReport): LoomError | undefined {
  if (lostChunks === 0 && readBackEqual) return undefined;
  return new LoomError('INTERNAL', `the demo lost bytes: ${lostChunks} chunks lost, equal: ${readBackEqual}`);
}

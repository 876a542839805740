import { resolve } from 'node:path';
import { formatDuration } from '../../config/duration.ts';
import { parseBytes } from '../../config/size.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Call, Command } from '../command.ts';
import { commandWord, shellWord } from '../command-word.ts';
import type { DemoOutcome } from '../demo/run-demo.ts';
import { recordBytes } from '../demo/synthetic-batch.ts';
import { packageVersion } from '../release.ts';

const usualBytes = 256 * 1024 * 1024;
/** Smaller chunks than usual, so that every node has some of a demo's few bytes. */
const usualChunkBytes = 16 * 1024 * 1024;
const mostBytes = 1024 ** 4;

/** `loom demo`: the whole way of one file through a cluster that is made for it. */
export const demo: Command = {
  name: 'demo',
  summary: 'Take a file through a whole cluster of its own and back, every stage shown',
  examples: [
    { line: 'loom demo', does: '256 MiB of synthetic training data' },
    { line: 'loom demo --size 2GiB --keep', does: 'more, and keep the cluster’s folder' },
    { line: 'loom demo --path data.csv -o json', does: 'a file of yours; figures for programs' },
  ],
  arguments: [],
  options: [
    { flag: 'size', placeholder: 'SIZE', summary: 'bytes of synthetic data', fallbackText: '256MiB' },
    { flag: 'path', placeholder: 'FILE', summary: 'a file of yours in place of synthetic data', path: true },
    { flag: 'keep', summary: 'keep the folder and say how to look at it' },
  ],
  settings: ['nodes', 'chunkBytes', 'blockBytes', 'replicas', 'minClouds', 'durability', 'logLevel'],
  run: async (call) => {
    const source = sourceOf(call);
    const { values, origins } = await call.settings();
    const chunkBytes =
      origins.chunkBytes.kind === 'default'
        ? Math.max(usualChunkBytes, values.blockBytes)
        : values.chunkBytes;
    const settings = { ...values, chunkBytes, blockBytes: Math.min(values.blockBytes, chunkBytes) };
    const { output, io } = call;
    output.note('Loom demo: one file through a whole cluster in this process, and back.\n');
    const { demoFailure, runDemo } = await import('../demo/run-demo.ts');
    const startMs = io.monotonicMs();
    const outcome = await runDemo({
      io,
      output,
      settings,
      version: packageVersion(),
      source,
      keep: call.given('keep'),
    });
    const tookMs = io.monotonicMs() - startMs;
    output.result(outcome.report, () => summary(call, outcome, tookMs));
    const failure = demoFailure(outcome.report);
    if (failure !== undefined) throw failure;
    return undefined;
  },
};

function sourceOf(call: Call): { readonly bytes: number } | { readonly path: string } {
  const path = call.text('path');
  const size = call.text('size');
  if (path !== undefined && size !== undefined) {
    throw new LoomError('INVALID_OPTION', '--path and --size exclude each other: a file has its own size');
  }
  if (path !== undefined) return { path: resolve(call.io.cwd, path) };
  const bytes = size === undefined ? usualBytes : parseBytes(size, '--size');
  if (bytes >= recordBytes && bytes <= mostBytes) return { bytes };
  throw new LoomError('INVALID_OPTION', `--size is ${bytes} bytes; it may be ${recordBytes} bytes to 1 TiB`, {
    details: { option: '--size', value: bytes },
  });
}

function summary({ io, output }: Call, { report, name, kept }: DemoOutcome, tookMs: number): string {
  const { green, red } = output.paint;
  const { chunks, mbPerSecond, replicasMin, cloudsMin, lostChunks, readBackEqual, limitingStage } = report;
  const good = lostChunks === 0 && readBackEqual;
  const word = commandWord(io.environment);
  const next =
    kept === undefined
      ? [`${word} dev`, `${word} ingest FILE`, `${word} demo --size 1GiB --keep`]
      : [
          `${word} dev --data-dir ${shellWord(kept)}`,
          `${word} verify ${name} --data-dir ${shellWord(kept)}`,
          `${word} get ${name} --data-dir ${shellWord(kept)}`,
        ];
  return [
    '',
    `${good ? green('ok') : red('failed')}  ${chunks} chunks, at least ${replicasMin} replicas in ${cloudsMin} clouds, ${lostChunks} lost, read back ${readBackEqual ? 'equal' : 'different'}`,
    `    ${mbPerSecond} MB/s from order to last replica, limited by ${limitingStage}; ${formatDuration(tookMs)} in all`,
    `    ${kept === undefined ? 'everything that the demo made is removed' : `kept in ${kept}`}`,
    '',
    'Next:',
    ...next.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

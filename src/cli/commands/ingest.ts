import { basename, resolve } from 'node:path';
import { checkDatasetName } from '../../actors/pipeline/job-plan.ts';
import { formatDuration } from '../../config/duration.ts';
import { formatBytes } from '../../config/size.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Call, Command } from '../command.ts';
import { followIngest, type Ingested } from '../follow-ingest.ts';
import { printable } from '../printable.ts';
import { withControl } from '../with-control.ts';

/** `loom ingest <file>`: takes a file in and waits until every chunk has all its replicas. */
export const ingest: Command = {
  name: 'ingest',
  summary: 'Take a file in and wait until every chunk has all its replicas',
  examples: [
    { line: 'loom ingest data/batch.jsonl', does: 'under the name batch.jsonl' },
    { line: 'loom ingest data/batch.jsonl --name march --chunk-size 16MiB', does: 'under a name of its own' },
  ],
  arguments: [{ name: 'file', summary: 'a regular file', required: true, path: true }],
  options: [
    {
      flag: 'name',
      placeholder: 'NAME',
      summary: 'the name of the data set',
      fallbackText: 'the file’s name',
    },
  ],
  settings: ['dataDir', 'chunkBytes', 'blockBytes', 'replicas', 'minClouds'],
  run: async (call) => {
    const path = resolve(call.io.cwd, call.argument('file'));
    const name = call.text('name') ?? basename(path);
    checkDatasetName(name);
    const startMs = call.io.monotonicMs();
    const { job, bytes, chunks } = await ingestPath(call, path, name);
    const seconds = (call.io.monotonicMs() - startMs) / 1_000;
    call.output.result({ name, job, bytes, chunks, seconds: Number(seconds.toFixed(3)) }, () => {
      const size = `${formatBytes(bytes)} in ${chunks} ${chunks === 1 ? 'chunk' : 'chunks'}`;
      return `${call.output.paint.green('stored')}  ${printable(name)}: ${size}, ${formatDuration(seconds * 1_000)}\n`;
    });
    return undefined;
  },
};

async function ingestPath(call: Call, path: string, name: string): Promise<Ingested> {
  const { signal } = call.io;
  const { values } = await call.settings();
  const { chunkBytes, blockBytes, replicas, minClouds } = values;
  const order = { path, name, chunkBytes, blockBytes, replicas, minClouds };
  const bar = call.output.progress({ label: `Ingesting ${name}`, format: formatBytes });
  let job: string | undefined;
  let paused = '';
  try {
    return await withControl(call, (control) =>
      followIngest(control, order, {
        signal,
        taken: (id) => {
          job = id;
        },
        progress: ({ state, reason = '', bytes, bytesDone }) => {
          bar.update(bytesDone, bytes);
          const why = state === 'paused' ? reason : '';
          if (why !== paused && why !== '')
            call.output.note(`Paused: ${printable(why)}. It goes on by itself.`);
          paused = why;
        },
      }),
    );
  } catch (thrown) {
    if (signal.aborted && signal.reason instanceof LoomError && job !== undefined) {
      bar.end();
      call.output.note(`Detached: job ${job} goes on. \`loom ls\` shows how it stands.`);
    }
    throw thrown;
  } finally {
    bar.end();
  }
}

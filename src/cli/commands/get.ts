import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkDatasetName } from '../../actors/pipeline/job-plan.ts';
import { formatBytes } from '../../config/size.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { type ByteTarget, openFileTarget, streamTarget } from '../byte-target.ts';
import type { Call, Command } from '../command.ts';
import { printable } from '../printable.ts';
import { withControl } from '../with-control.ts';

/** Pieces of up to 128 KiB that may be on their way: enough to fill the socket, little to hold. */
const piecesAhead = 16;

/** `loom get <name>`: the bytes of a data set, each checked. */
export const get: Command = {
  name: 'get',
  summary: 'Write the bytes of a data set to a file or to stdout, each of them checked',
  examples: [
    { line: 'loom get batch.jsonl', does: 'into a file of that name here' },
    { line: 'loom get batch.jsonl --to /data/copy.jsonl --force', does: 'replaces a file that is there' },
    { line: 'loom get batch.jsonl --to - | head', does: 'to stdout' },
  ],
  arguments: [{ name: 'name', summary: 'the data set', required: true }],
  options: [
    {
      flag: 'to',
      placeholder: 'FILE',
      summary: 'a file, an existing folder, or - for stdout',
      fallbackText: './NAME',
      path: true,
    },
    { flag: 'force', summary: 'replace a file that is there' },
  ],
  settings: ['dataDir'],
  run: async (call) => {
    const name = call.argument('name');
    checkDatasetName(name);
    const to = call.text('to') ?? name;
    await withControl(call, async (control) => {
      const pieces = control.subscribe.read({ name }, { signal: call.io.signal, credits: piecesAhead });
      if (to === '-') {
        await receive(call, name, pieces, streamTarget(call.io.stdout, call.io.signal));
        return;
      }
      const path = await filePath(resolve(call.io.cwd, to), name);
      const bytes = await receive(call, name, pieces, await openFileTarget(path, call.given('force')));
      call.output.result({ name, path, bytes }, () => `${printable(path)}: ${formatBytes(bytes)}\n`);
    });
    return undefined;
  },
};

async function receive(
  call: Call,
  name: string,
  pieces: AsyncIterable<{ readonly item: { readonly total: number; readonly bytes: Uint8Array } }>,
  target: ByteTarget,
): Promise<number> {
  const bar = call.output.progress({ label: `Reading ${name}`, format: formatBytes });
  let done = 0;
  let expected: number | undefined;
  try {
    for await (const { item } of pieces) {
      expected = item.total;
      await target.write(item.bytes);
      done += item.bytes.length;
      bar.update(done, item.total);
    }
    call.io.signal.throwIfAborted();
    if (expected !== undefined && done !== expected) {
      throw new LoomError('UNREADABLE', `${done} of ${expected} bytes of “${name}” came`);
    }
    await target.commit();
    return done;
  } finally {
    bar.end();
    await target.abort();
  }
}

/** Into a folder that exists under the data set's name, else as it was given. */
async function filePath(path: string, name: string): Promise<string> {
  // What cannot be looked at is said when it is opened.
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true ? join(path, name) : path;
}

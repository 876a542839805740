// A process of its own for test/cluster/folder-lock.test.ts: obeys lines on stdin, answers each with one JSON line.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type DataFolder, openDataFolder } from '../../src/node/data-folder.ts';
import { LoomError } from '../../src/ports/loom-error.ts';

const [folder = ''] = process.argv.slice(2);
let opened: DataFolder | undefined;

async function obey(line: string): Promise<object> {
  switch (line) {
    case 'hold':
      opened = await openDataFolder(folder, { version: '1.0.0', environment: process.env });
      return { held: true };
    case 'release':
      await opened?.lock.release();
      return { released: true };
    case 'spawn': {
      const script = 'setTimeout(() => undefined, 20_000)';
      const descriptor = opened?.lock.descriptor ?? 'ignore';
      const child = spawn(process.execPath, ['-e', script], {
        stdio: ['ignore', 'ignore', 'ignore', descriptor],
      });
      return { child: child.pid };
    }
    default:
      throw new Error(`no such order: ${line}`);
  }
}

function answer(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const startedMs = performance.now();
  try {
    answer(await obey(line));
  } catch (error) {
    if (!(error instanceof LoomError)) throw error;
    answer({ refused: error.code, details: error.details, tookMs: performance.now() - startedMs });
  }
}

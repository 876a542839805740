// A process of its own for test/cluster/command-line.test.ts: the real command line, with commands that only a test wants.
import { once } from 'node:events';
import type { Call, Command } from '../../src/cli/command.ts';
import { commandTable } from '../../src/cli/commands/table.ts';
import { attachProcess } from '../../src/cli/process-io.ts';
import { runCommandLine } from '../../src/cli/run.ts';

function command(name: string, run: (call: Call) => Promise<undefined>): Command {
  return { name, summary: name, examples: [], arguments: [], options: [], settings: [], run };
}

const flood = command('flood', async ({ io }) => {
  while (!io.signal.aborted) {
    if (!io.stdout.write('x'.repeat(65_536))) await once(io.stdout, 'drain', { signal: io.signal });
  }
  return undefined;
});

const drain = command('drain', async ({ io }) => {
  const lives = setInterval(() => undefined, 60_000);
  io.stdout.write('ready\n');
  await once(io.signal, 'abort');
  clearInterval(lives);
  io.stdout.write('drained\n');
  return undefined;
});

const ignore = command('ignore', async ({ io }) => {
  setInterval(() => undefined, 60_000);
  io.stdout.write('ready\n');
  await once(io.signal, 'abort');
  io.stdout.write('still here\n');
  return new Promise(() => undefined);
});

const { io, detach } = attachProcess();
process.exitCode = await runCommandLine(process.argv.slice(2), io, [...commandTable, flood, drain, ignore]);
detach();

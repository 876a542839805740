import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** A command line in a process of its own, heard from its start on. */
class CommandLine {
  readonly process: ChildProcess;
  readonly closed: Promise<unknown>;
  stdout = '';
  stderr = '';
  #heard: () => void = () => undefined;

  constructor(...argv: string[]) {
    const script = fileURLToPath(new URL('./command-line-process.ts', import.meta.url));
    this.process = spawn(process.execPath, ['--import', 'tsx', script, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.closed = once(this.process, 'close');
    this.process.stdout?.on('data', (part: Buffer) => {
      this.stdout += String(part);
      this.#heard();
    });
    this.process.stderr?.on('data', (part: Buffer) => {
      this.stderr += String(part);
    });
  }

  async says(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async ended(): Promise<{
    readonly exitCode: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }> {
    await this.closed;
    return { exitCode: this.process.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}

test('a real process prints, fails with the table’s exit code, and ends', async () => {
  const [version, wrong] = await Promise.all([
    new CommandLine('version').ended(),
    new CommandLine('versoin').ended(),
  ]);
  expect(version).toMatchObject({ exitCode: 0, stderr: '' });
  expect(version.stdout).toMatch(/^loom \d/);
  expect(wrong).toMatchObject({ exitCode: 2, stdout: '' });
  expect(wrong.stderr).toContain('did you mean version?');
});

test('a reader of stdout that goes away is no error', async () => {
  const flood = new CommandLine('flood');
  await flood.says('x');
  flood.process.stdout?.destroy();
  expect(await flood.ended()).toMatchObject({ exitCode: 0, stderr: '' });
});

test('the first Ctrl-C asks, the second one ends', async () => {
  const patient = new CommandLine('drain');
  const stubborn = new CommandLine('ignore');
  await Promise.all([patient.says('ready'), stubborn.says('ready')]);
  patient.process.kill('SIGINT');
  stubborn.process.kill('SIGINT');
  expect(await patient.ended()).toMatchObject({ exitCode: 0, stdout: 'ready\ndrained\n' });
  await stubborn.says('still here');
  stubborn.process.kill('SIGINT');
  expect(await stubborn.ended()).toMatchObject({ exitCode: 130 });
});

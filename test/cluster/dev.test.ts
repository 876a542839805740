import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, LoomProcess, loom } from './loom-process.ts';

let folder = '';
let running: LoomProcess[] = [];

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-dev-')));
  running = [];
});

afterEach(async () => {
  for (const one of running) await one.kill();
  await rm(folder, { recursive: true, force: true });
});

const data = (): string => join(folder, 'data');

async function startDev(...argv: string[]): Promise<LoomProcess> {
  const dev = new LoomProcess(['dev', '--data-dir', data(), ...argv]);
  running.push(dev);
  await dev.says(argv.includes('json') ? '"socket"' : 'Ctrl-C drains');
  return dev;
}

function ask(...argv: string[]): Promise<Ended> {
  return loom(...argv, '--data-dir', data());
}

async function source(bytes: number): Promise<{ readonly path: string; readonly sha256: string }> {
  const path = join(folder, 'source.bin');
  const content = randomBytes(bytes);
  await writeFile(path, content);
  return { path, sha256: sha256(content) };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function stateOf(name: string): Promise<string | undefined> {
  const { stdout } = await ask('ls', '-o', 'json');
  const { datasets } = JSON.parse(stdout) as { datasets: { name: string; state: string }[] };
  return datasets.find((dataset) => dataset.name === name)?.state;
}

interface Status {
  readonly nodes: readonly { readonly id: string; readonly epoch: number; readonly state: string }[];
}

describe('a cluster of processes’ own', () => {
  test('says what it is, takes a file in and gives it back', async () => {
    const dev = await startDev();
    for (const fact of [
      `${data()} (kept, new)`,
      'power-safe',
      '.sock',
      'aws-1',
      'us-central1-b',
      'loom ingest',
    ]) {
      expect(dev.stdout).toContain(fact);
    }
    const { path, sha256: wanted } = await source(300_000);

    const status = JSON.parse((await ask('status', '-o', 'json')).stdout) as Status;
    expect(Object.keys(status)).toEqual(['nodes', 'adminAddress', 'httpAddress', 'durability']);
    expect(status.nodes.map(({ id }) => id)).toEqual(['aws-1', 'aws-2', 'gcp-1', 'gcp-2']);

    const ingested = await ask('ingest', path, '--name', 'round', '--chunk-size', '64KiB', '-o', 'json');
    expect(ingested).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(ingested.stdout)).toMatchObject({ name: 'round', bytes: 300_000, chunks: 5 });

    const [listed, verified, got] = await Promise.all([
      ask('ls'),
      ask('verify', 'round', '-o', 'json'),
      ask('get', 'round', '--to', join(folder, 'copy.bin')),
    ]);
    expect(listed.stdout).toMatch(/^round +293 KiB +5 +done /m);
    expect(verified).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(verified.stdout)).toEqual({
      name: 'round',
      bytes: 300_000,
      chunks: 5,
      replicasMin: 3,
      cloudsMin: 2,
      bad: [],
    });
    expect(got.exitCode).toBe(0);
    expect(sha256(await readFile(join(folder, 'copy.bin')))).toBe(wanted);
    expect((await ask('registry', 'ls')).stdout).toContain('names/round');

    dev.signal('SIGINT');
    const end = await dev.ended();
    expect(end.exitCode).toBe(0);
    expect(end.stderr).toMatch(/Draining 4 nodes[\s\S]*Stopped after .*is kept in/);
    expect(await ask('status')).toMatchObject({ exitCode: 3 });
  });

  test('refuses a second one on its folder within a second, naming itself', async () => {
    const dev = await startDev('-o', 'json');
    const { pid, socket } = JSON.parse(dev.stdout) as { pid: number; socket: string };
    expect(pid).toBe(dev.process.pid);
    const tries = [await ask('dev'), await ask('dev')];
    for (const { exitCode, stderr } of tries) {
      expect(exitCode).toBe(1);
      expect(stderr).toContain('FOLDER_HELD');
      expect(stderr).toContain(`process ${pid}`);
      expect(stderr).toContain(socket);
    }
    // Less what this machine needs to start any process, as others may have it at the same time.
    const idle = await loom('version');
    expect(Math.min(...tries.map(({ tookMs }) => tookMs)) - idle.tookMs).toBeLessThan(1_000);
  });

  test('after kill -9 the next one takes the folder over: data verifies, epochs and tokens go on', async () => {
    const first = await startDev();
    const { path, sha256: wanted } = await source(200_000);
    expect(await ask('ingest', path, '--chunk-size', '32KiB')).toMatchObject({ exitCode: 0 });
    const before = JSON.parse((await ask('status', '-o', 'json')).stdout) as Status;
    await first.kill();
    expect(await ask('ls')).toMatchObject({ exitCode: 3 });

    await startDev();
    const after = JSON.parse((await ask('status', '-o', 'json')).stdout) as Status;
    expect(Math.min(...after.nodes.map(({ epoch }) => epoch))).toBeGreaterThan(
      Math.max(...before.nodes.map(({ epoch }) => epoch)),
    );
    expect(await ask('verify', 'source.bin')).toMatchObject({ exitCode: 0 });
    expect(await ask('get', 'source.bin', '--to', join(folder, 'copy.bin'))).toMatchObject({ exitCode: 0 });
    expect(sha256(await readFile(join(folder, 'copy.bin')))).toBe(wanted);
  });

  test('a job whose client went and whose cluster was killed goes on by itself', async () => {
    const first = await startDev();
    const { path } = await source(16_000_000);
    const client = new LoomProcess(['ingest', path, '--chunk-size', '64KiB', '--data-dir', data()]);
    running.push(client);
    await expect.poll(() => stateOf('source.bin'), { timeout: 10_000, interval: 50 }).toBe('running');
    client.signal('SIGINT');
    expect(await client.ended()).toMatchObject({ exitCode: 130, stdout: '' });
    expect(client.stderr).toContain('Detached: job');
    expect(await stateOf('source.bin')).toBe('running');
    await first.kill();

    await startDev();
    await expect.poll(() => stateOf('source.bin'), { timeout: 40_000, interval: 200 }).toBe('done');
    expect(await ask('verify', 'source.bin')).toMatchObject({ exitCode: 0 });
  });

  test('SIGTERM drains like Ctrl-C, and a second signal never makes it worse', async () => {
    const first = await startDev();
    first.signal('SIGTERM');
    expect(await first.ended()).toMatchObject({ exitCode: 0 });
    const second = await startDev();
    second.signal('SIGINT');
    await second.says('Draining');
    second.signal('SIGINT');
    expect([0, 130]).toContain((await second.ended()).exitCode);
    await startDev();
  });

  test('durability memory keeps nothing, and touches nothing that is kept', async () => {
    const durable = await startDev();
    const { path } = await source(10_000);
    expect(await ask('ingest', path, '--name', 'kept', '--chunk-size', '4KiB')).toMatchObject({
      exitCode: 0,
    });
    durable.signal('SIGINT');
    await durable.ended();

    const trial = await startDev('--durability', 'memory');
    expect(trial.stdout).toContain('(not kept)');
    expect(JSON.parse((await ask('ls', '-o', 'json')).stdout)).toEqual({ datasets: [] });
    expect(await ask('ingest', path, '--name', 'trial', '--chunk-size', '4KiB')).toMatchObject({
      exitCode: 0,
    });
    trial.signal('SIGINT');
    await trial.ended();
    expect(await readdir(data())).not.toContain('volatile');

    await startDev();
    expect(await ask('verify', 'kept')).toMatchObject({ exitCode: 0 });
    expect(await ask('verify', 'trial')).toMatchObject({ exitCode: 5 });
  });
});

describe('a folder that cannot be used', () => {
  test('of a newer version is refused and left alone', async () => {
    await mkdir(data());
    await writeFile(join(data(), 'version'), 'loom-data 99\n');
    const { exitCode, stderr } = await ask('dev');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('DATA_VERSION');
    expect(await readdir(data())).toEqual(['version']);
  });

  test('of someone else is refused and left alone', async () => {
    await mkdir(data());
    await writeFile(join(data(), 'thesis.txt'), 'precious');
    expect(await ask('dev', '-o', 'json')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await readdir(data())).toEqual(['thesis.txt']);
  });
});

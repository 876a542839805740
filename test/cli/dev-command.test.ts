import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LoomError } from '../../src/ports/loom-error.ts';
import { type Recorded, record } from './recorded-io.ts';

let folder = '';
let stop = new AbortController();

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-dev-command-')));
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort(new LoomError('CANCELLED', 'the test is over'));
  await rm(folder, { recursive: true, force: true });
});

const data = (): string => join(folder, 'data');

function dev(...argv: string[]): Promise<Recorded> {
  const environment = { LOOM_DURABILITY: 'process-crash-safe' };
  return record(['dev', '--data-dir', data(), ...argv], { signal: stop.signal, environment });
}

async function ready(): Promise<void> {
  const status = (): Promise<number> =>
    record(['status', '--data-dir', data()]).then(({ exitCode }) => exitCode);
  await expect.poll(status, { timeout: 8_000, interval: 20 }).toBe(0);
}

function interrupt(): void {
  stop.abort(new LoomError('CANCELLED', 'stopped by SIGINT'));
}

describe('dev', () => {
  test('says all about itself in one line of JSON, and drains to 0', async () => {
    const running = dev('-o', 'json', '--nodes', 'edge=1');
    await ready();
    interrupt();
    const { exitCode, stdout, stderr } = await running;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBe(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      pid: process.pid,
      socket: expect.stringMatching(/\.sock$/),
      folder: data(),
      durability: 'process-crash-safe',
      kept: true,
      nodes: [{ id: 'edge-1', cloud: 'edge', region: 'edge-1', zone: 'edge-1a', epoch: 1, state: 'ready' }],
      adminAddress: null,
      httpAddress: null,
    });
  });

  test('has a banner with every address and what to do next', async () => {
    const running = dev('--nodes', 'aws=1,gcp=1', '--log-level', 'debug');
    await ready();
    interrupt();
    const { exitCode, stdout, stderr } = await running;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Loom \d+\.\d+\.\d+: 2 nodes in 2 clouds, one process \(\d+\)\.$/m);
    expect(stdout).toMatch(/^folder +\S+\/data \(kept, new\)$/m);
    expect(stdout).toMatch(/^durability +process-crash-safe: .*kill -9, not a power cut$/m);
    expect(stdout).toMatch(/^socket +\/.*\.sock$/m);
    expect(stdout).toContain(`  loom ingest FILE --data-dir ${data()}\n`);
    expect(stderr).toMatch(/^Starting on .*\n[\s\S]*^debug {2}aws-1 {2}drain: leave done$/m);
    expect(stderr).toMatch(/^Draining 2 nodes: .*$[\s\S]*^Stopped after .*is kept in .*\/data\.\n$/m);
  });

  test('drains and exits 70 when a promise fails that nobody waits for', async () => {
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    try {
      const running = dev('--nodes', 'aws=1');
      await ready();
      process.emit('unhandledRejection', new Error('forgotten'), Promise.resolve());
      const { exitCode, stderr } = await running;
      expect(exitCode).toBe(70);
      expect(stderr).toContain('NODE_FAILED: a promise failed that nobody waits for: forgotten');
      expect(stderr).toContain('Stopped after');
      expect(process.listeners('unhandledRejection')).toEqual([]);
    } finally {
      for (const other of others) process.on('unhandledRejection', other);
    }
  });

  test('that cannot start leaves the folder free', async () => {
    await rm(data(), { recursive: true, force: true });
    const first = dev('--nodes', 'aws=1');
    await ready();
    interrupt();
    await first;
    await rm(join(data(), 'nodes'), { recursive: true });
    await writeFile(join(data(), 'nodes'), 'in the way');
    stop = new AbortController();
    for (let times = 0; times < 2; times++) {
      const { exitCode, stderr } = await dev('--nodes', 'aws=1');
      expect(exitCode).toBeGreaterThan(0);
      expect(stderr).not.toContain('FOLDER_HELD');
    }
  });
});

describe('demo', () => {
  function demo(...argv: string[]): Promise<Recorded> {
    const environment = { TMPDIR: folder, LOOM_DURABILITY: 'process-crash-safe' };
    return record(['demo', ...argv], { environment, cwd: folder, signal: stop.signal });
  }

  test('shows every stage, and the next commands', async () => {
    const { exitCode, stdout, stderr } = await demo(
      '--size',
      '300000',
      '--chunk-size',
      '64KiB',
      '--block-size=4KiB',
    );
    expect(exitCode).toBe(0);
    for (const stage of ['source', 'cluster', 'ingest', 'verify', 'read']) {
      expect(stderr).toMatch(new RegExp(`^  ${stage} `, 'm'));
    }
    expect(stdout).toMatch(/^ok {2}5 chunks, at least 3 replicas in 2 clouds, 0 lost, read back equal$/m);
    expect(stdout).toContain('Next:\n  loom dev\n');
    expect(await readdir(folder)).toEqual([]);
  });

  test('of an empty file is a demo too', async () => {
    await writeFile(join(folder, 'empty'), '');
    const { exitCode, stdout } = await demo('--path', 'empty', '-o', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ bytes: 0, chunks: 0, replicasMin: 3, readBackEqual: true });
  });

  test('keeps its folder when asked to, and never after a failure', async () => {
    const { stdout } = await demo('--size', '4KiB', '--keep');
    const [kept = ''] = await readdir(folder);
    expect(stdout).toContain(`kept in ${join(folder, kept, 'data')}`);
    const { exitCode } = await demo('--size', '4KiB', '--keep', '--nodes', 'aws=1');
    expect(exitCode).toBe(1);
    expect(await readdir(folder)).toEqual([kept]);
  });

  test('that is interrupted removes what it made', async () => {
    interrupt();
    const { exitCode } = await demo('--size', '1MiB');
    expect(exitCode).toBe(130);
    expect(await readdir(folder)).toEqual([]);
  });

  test('takes a size or a path, not both', async () => {
    const { exitCode, stderr } = await demo('--size', '1MiB', '--path', 'x');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('exclude each other');
  });
});

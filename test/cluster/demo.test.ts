import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoomProcess } from './loom-process.ts';

let folder = '';

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-demo-test-')));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function demo(...argv: string[]): LoomProcess {
  return new LoomProcess(['demo', ...argv], { TMPDIR: folder });
}

test('the figures are for programs, and everything that was made is removed', async () => {
  const { exitCode, stdout, stderr } = await demo(
    '--size',
    '5MB',
    '--chunk-size',
    '1MiB',
    '-o',
    'json',
  ).ended();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const report = JSON.parse(stdout) as Record<string, unknown>;
  expect(Object.keys(report)).toEqual([
    'bytes',
    'chunks',
    'seconds',
    'mbPerSecond',
    'nodesKilled',
    'replicasMin',
    'cloudsMin',
    'lostChunks',
    'readBackEqual',
    'limitingStage',
  ]);
  expect(report).toMatchObject({
    bytes: 5_000_000,
    chunks: 5,
    nodesKilled: 0,
    replicasMin: 3,
    cloudsMin: 2,
    lostChunks: 0,
    readBackEqual: true,
  });
  expect(await readdir(folder)).toEqual([]);
});

test('a file of one’s own goes the same way, and --keep says how to look at it', async () => {
  const path = join(folder, 'own.csv');
  await writeFile(path, 'a,b\n1,2\n');
  const { exitCode, stdout } = await demo('--path', path, '--keep').ended();
  expect(exitCode).toBe(0);
  const [kept = ''] = /\S*loom-demo-\S+\/data/.exec(stdout) ?? [];
  expect(stdout).toContain(`loom dev --data-dir ${kept}`);
  const dev = new LoomProcess(['dev', '--data-dir', kept]);
  await dev.says('Ctrl-C drains');
  const verified = await new LoomProcess(['verify', 'demo', '--data-dir', kept]).ended();
  dev.signal('SIGINT');
  await dev.ended();
  expect(verified).toMatchObject({ exitCode: 0 });
});

test('Ctrl-C in the middle removes everything too', async () => {
  const running = demo('--size', '64MiB');
  await running.says('cluster');
  running.signal('SIGINT');
  expect(await running.ended()).toMatchObject({ exitCode: 130, stdout: '' });
  expect(await readdir(folder)).toEqual([]);
});

test('refuses what cannot be, before it makes anything', async () => {
  const missing = await demo('--path', join(folder, 'missing')).ended();
  expect(missing).toMatchObject({ exitCode: 5, stdout: '' });
  const huge = await demo('--size', '1TiB').ended();
  expect(huge.exitCode).toBe(1);
  expect(huge.stderr).toContain('TOO_LITTLE_SPACE');
  for (const size of ['-1', 'abc', '1', '0']) {
    expect((await demo('--size', size).ended()).exitCode).toBe(2);
  }
  expect(await readdir(folder)).toEqual([]);
});

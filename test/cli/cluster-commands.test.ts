import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDataFolder } from '../../src/node/data-folder.ts';
import { DevCluster } from '../../src/node/dev-cluster.ts';
import { LoomError } from '../../src/ports/loom-error.ts';
import { type Recorded, record } from './recorded-io.ts';

let folder = '';
let clusters: DevCluster[] = [];

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-commands-')));
  clusters = await Promise.all([start('data', 2), start('small', 1)]);
  await writeFile(join(folder, 'ten'), randomBytes(40_000));
});

afterAll(async () => {
  for (const cluster of clusters) await cluster.drain(1_000);
  await rm(folder, { recursive: true, force: true });
});

async function start(name: string, count: number): Promise<DevCluster> {
  return DevCluster.start({
    folder: await openDataFolder(join(folder, name), { version: '0.0.0', environment: {} }),
    nodes: ['aws', 'gcp'].map((cloud) => ({ cloud, count })),
    durability: 'process-crash-safe',
    version: '0.0.0',
  });
}

/** A command against the cluster of four nodes, or another one's folder. */
function run(argv: readonly string[], dataDir = 'data'): Promise<Recorded> {
  return record([...argv, '--data-dir', join(folder, dataDir)], { cwd: folder });
}

async function runJson(...argv: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await run([...argv, '-o', 'json']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The code and exit code of a refusal. */
async function refusal(argv: readonly string[], dataDir?: string): Promise<[string, number]> {
  const { exitCode, stdout, stderr } = await run([...argv, '-o', 'json'], dataDir);
  expect(stdout).toBe('');
  return [(JSON.parse(stderr) as { error: { code: string } }).error.code, exitCode];
}

async function taken(name: string, bytes: number | Uint8Array): Promise<Uint8Array> {
  const content = typeof bytes === 'number' ? randomBytes(bytes) : bytes;
  await writeFile(join(folder, name), content);
  await runJson('ingest', name, '--chunk-size', '8KiB');
  return content;
}

describe('status', () => {
  test('has these fields, in this order', async () => {
    const status = await runJson('status');
    expect(Object.keys(status)).toEqual(['nodes', 'adminAddress', 'httpAddress', 'durability']);
    const [first] = status['nodes'] as object[];
    expect(first).toEqual({
      id: 'aws-1',
      cloud: 'aws',
      region: 'us-east-1',
      zone: 'us-east-1a',
      epoch: expect.any(Number),
      state: 'ready',
    });
    expect(Object.keys(first ?? {})).toEqual(['id', 'cloud', 'region', 'zone', 'epoch', 'state']);
    expect(status).toMatchObject({
      adminAddress: null,
      httpAddress: null,
      durability: 'process-crash-safe',
    });
  });

  test('is a table for people', async () => {
    expect((await run(['status'])).stdout).toMatch(/^gcp-2 +gcp +us-central1 +us-central1-b +\d+ +ready$/m);
  });
});

describe('a data set', () => {
  test('goes in, is listed, verified and read back', async () => {
    const before = await run(['ls']);
    expect(before.stdout).toContain('no data set yet');
    const ingested = await runJson('ingest', 'ten', '--name', 'round trip', '--chunk-size', '4KiB');
    expect(Object.keys(ingested)).toEqual(['name', 'job', 'bytes', 'chunks', 'seconds']);
    expect(ingested).toMatchObject({ name: 'round trip', bytes: 40_000, chunks: 10 });

    const { datasets } = (await runJson('ls')) as { datasets: object[] };
    expect(datasets).toEqual([
      { name: 'round trip', bytes: 40_000, chunks: 10, state: 'done', createdMs: expect.any(Number) },
    ]);
    const report = await runJson('verify', 'round trip');
    expect(report).toEqual({
      name: 'round trip',
      bytes: 40_000,
      chunks: 10,
      replicasMin: 3,
      cloudsMin: 2,
      bad: [],
    });
    expect(Object.keys(report)).toEqual(['name', 'bytes', 'chunks', 'replicasMin', 'cloudsMin', 'bad']);
    expect((await run(['verify', 'round trip'])).stdout).toMatch(/^ok {2}round trip: 39.1 KiB in 10 chunks/);
    const got = await runJson('get', 'round trip', '--to', 'copy');
    expect(got).toEqual({ name: 'round trip', path: join(folder, 'copy'), bytes: 40_000 });
    expect(await readFile(join(folder, 'copy'))).toEqual(await readFile(join(folder, 'ten')));
  });

  test.each([0, 1, 8192, 8193])('of %d bytes comes back as it was', async (bytes) => {
    const content = await taken(`of-${bytes}`, bytes);
    await runJson('get', `of-${bytes}`, '--to', `back-${bytes}`);
    expect(await readFile(join(folder, `back-${bytes}`))).toEqual(content);
    const report = await runJson('verify', `of-${bytes}`);
    expect(report).toMatchObject({ bytes, replicasMin: 3, cloudsMin: 2, bad: [] });
  });

  test('is read from another replica, and not reported as sound, when one is damaged', async () => {
    const content = await taken('damaged', 20_000);
    const files = (await readdir(join(folder, 'data', 'nodes'), { recursive: true })).filter((path) =>
      /chunks\/.*\/00000001-.*\.chunk$/.test(path),
    );
    const paths = await Promise.all(
      files.map(async (path) => {
        const full = join(folder, 'data', 'nodes', path);
        return (await readFile(full)).includes(Buffer.from(content.subarray(8_192, 8_300))) ? [full] : [];
      }),
    );
    const [victim = ''] = paths.flat();
    const file = await open(victim, 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.from([content[16_383] === 0 ? 1 : 0]), 0, 1, size - 1);
    await file.close();

    const { exitCode, stdout } = await run(['verify', 'damaged', '-o', 'json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ replicasMin: 2, bad: [{ chunk: 1 }] });
    expect((await run(['verify', 'damaged'])).stdout).toMatch(/^1 bad {2}damaged[\s\S]*CHUNK +NODE +REASON/);
    await runJson('get', 'damaged', '--to', 'mended');
    expect(await readFile(join(folder, 'mended'))).toEqual(content);
  });

  test('shows in the registry', async () => {
    const listing = (await runJson('registry', 'ls')) as Record<string, { key: string }[]>;
    expect(Object.keys(listing)).toEqual(['members', 'leases', 'keys']);
    expect(listing['keys']?.map(({ key }) => key)).toContain('names/round trip');
    expect(listing['leases']?.every(({ key }) => key.startsWith('shards/job/'))).toBe(true);
    expect((await run(['registry', 'ls'])).stdout).toMatch(/^LEASE +TOKEN +HOLDER$/m);
  });
});

describe('get', () => {
  test('writes under the data set’s name, into a folder, or to stdout', async () => {
    const content = await taken('plain', Buffer.from('as it was\n'));
    await rm(join(folder, 'plain'));
    await mkdir(join(folder, 'into'));
    await runJson('get', 'plain');
    await runJson('get', 'plain', '--to', 'into');
    expect(await readFile(join(folder, 'plain'))).toEqual(content);
    expect(await readFile(join(folder, 'into', 'plain'))).toEqual(content);
    expect(await run(['get', 'plain', '--to', '-'])).toEqual({
      exitCode: 0,
      stdout: 'as it was\n',
      stderr: '',
    });
  });

  test('replaces nothing unless told to, and leaves no part of a file', async () => {
    await taken('again', 5_000);
    await writeFile(join(folder, 'stands'), 'precious');
    expect(await refusal(['get', 'again', '--to', 'stands'])).toEqual(['DISK_EXISTS', 1]);
    expect(await readFile(join(folder, 'stands'), 'utf8')).toBe('precious');
    await runJson('get', 'again', '--to', 'stands', '--force');
    expect((await readFile(join(folder, 'stands'))).length).toBe(5_000);
    expect(await refusal(['get', 'nothing', '--to', 'nowhere'])).toEqual(['NO_SUCH_DATASET', 5]);
    expect(await refusal(['get', 'again', '--to', 'no/such/folder'])).toEqual(['DISK_NOT_FOUND', 5]);
    expect((await readdir(folder)).filter((name) => name.endsWith('.part') || name === 'nowhere')).toEqual(
      [],
    );
  });
});

describe('bad input', () => {
  test.each([
    ['..'],
    ['a/b'],
    ['a\\b'],
    ['a..b'],
    [''],
    ['a\0b'],
    ['line\nbreak'],
    ['n'.repeat(300)],
    ['\ud800'],
  ])('the name %j', async (name) => {
    expect(await refusal(['ingest', 'ten', '--name', name])).toEqual(['INVALID_NAME', 2]);
  });

  test.each([
    ['missing', 'DISK_NOT_FOUND', 5],
    ['.', 'SOURCE_NOT_A_FILE', 2],
    ['/dev/zero', 'SOURCE_NOT_A_FILE', 2],
    ['ten/below-a-file', 'DISK_NOT_FOUND', 5],
    ['nul\0byte', 'DISK_NOT_FOUND', 5],
    ['long/'.repeat(900), 'INVALID_MESSAGE', 2],
  ])('the path %.20j', async (path, code, exitCode) => {
    expect(await refusal(['ingest', path, '--name', 'never'])).toEqual([code, exitCode]);
  });

  test.each([
    ['--chunk-size', '-1'],
    ['--chunk-size', 'abc'],
    ['--chunk-size', '1GiB'],
    ['--chunk-size', '0'],
    ['--block-size', '1.5.2'],
    ['--replicas', '0'],
    ['--replicas', 'three'],
    ['--min-clouds', '4'],
  ])('%s %s', async (flag, value) => {
    expect(await refusal(['ingest', 'ten', '--name', 'never', `${flag}=${value}`])).toEqual([
      'INVALID_OPTION',
      2,
    ]);
  });

  test('a file that may not be read', async () => {
    // The superuser may read any file of its own; these are for writing alone.
    const superuser = process.getuid?.() === 0 && process.platform === 'linux';
    const path = superuser ? '/sys/bus/cpu/uevent' : join(folder, 'secret');
    if (!superuser) await writeFile(path, 'secret', { mode: 0o200 });
    expect(await refusal(['ingest', path, '--name', 'never'])).toEqual(['DISK_DENIED', 4]);
  });

  test('more replicas or clouds than there are', async () => {
    expect(await refusal(['ingest', 'ten'], 'small')).toEqual(['TOO_FEW_NODES', 1]);
    expect(await refusal(['ingest', 'ten', '--replicas', '5', '--name', 'never'])).toEqual([
      'TOO_FEW_NODES',
      1,
    ]);
    expect(await refusal(['ingest', 'ten', '--min-clouds', '3', '--name', 'never'])).toEqual([
      'TOO_FEW_CLOUDS',
      1,
    ]);
    expect(await run(['ingest', 'ten', '--replicas', '2', '-o', 'json'], 'small')).toMatchObject({
      exitCode: 0,
    });
  });

  test('two ingests under one name: one is taken', async () => {
    const both = await Promise.all([1, 2].map(() => run(['ingest', 'ten', '--name', 'once', '-o', 'json'])));
    expect(both.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
    expect(both.map(({ stderr }) => stderr).join('')).toContain('ALREADY_EXISTS');
    expect(await refusal(['ingest', 'ten', '--name', 'once'])).toEqual(['ALREADY_EXISTS', 1]);
  });

  test('nothing that was refused has left a name behind', async () => {
    const { datasets } = (await runJson('ls')) as { datasets: { name: string }[] };
    expect(datasets.map(({ name }) => name)).not.toContain('never');
  });

  test('a data set that is not there', async () => {
    expect(await refusal(['verify', 'never'])).toEqual(['NO_SUCH_DATASET', 5]);
    expect(await refusal(['get', 'x'.repeat(300)])).toEqual(['INVALID_NAME', 2]);
    expect(await refusal(['verify', '../x'])).toEqual(['INVALID_NAME', 2]);
  });

  test.each([['status'], ['ls'], ['registry ls'], ['verify x'], ['get x'], ['ingest ten']])(
    'no cluster: %s',
    async (line) => {
      expect(await refusal(line.split(' '), 'nobody')).toEqual(['NOT_RUNNING', 3]);
    },
  );
});

test('Ctrl-C detaches from an ingest, which goes on', async () => {
  await writeFile(join(folder, 'large'), randomBytes(4_000_000));
  const stop = new AbortController();
  const line = ['ingest', 'large', '--chunk-size', '16KiB', '--data-dir', join(folder, 'data')];
  const detached = record(line, { cwd: folder, signal: stop.signal });
  await expect.poll(() => stateOf('large'), { timeout: 5_000, interval: 5 }).toBe('running');
  stop.abort(new LoomError('CANCELLED', 'stopped by SIGINT'));
  const { exitCode, stdout, stderr: said } = await detached;
  expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
  expect(said).toMatch(/^Detached: job j\w+ goes on\./m);
  await expect.poll(() => stateOf('large'), { timeout: 10_000, interval: 50 }).toBe('done');
});

async function stateOf(name: string): Promise<string | undefined> {
  const { datasets } = (await runJson('ls')) as { datasets: { name: string; state: string }[] };
  return datasets.find((dataset) => dataset.name === name)?.state;
}

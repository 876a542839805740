import { describe, expect, test } from 'vitest';
import { findName } from '../../../src/actors/pipeline/job-store.ts';
import { cloudOf, content, kib, PipelineCluster, recordsOf } from './pipeline-cluster.ts';

const four = ['aws-1', 'aws-2', 'gcp-1', 'gcp-2'];
const path = '/sources/batch';

async function withSource(bytes: Uint8Array, names: readonly string[] = four): Promise<PipelineCluster> {
  const pipeline = await PipelineCluster.open(names);
  await pipeline.cluster.until(pipeline.disk(names[0] as string).makeDirectory('/sources'));
  await pipeline.write(names[0] as string, path, bytes);
  return pipeline;
}

describe('a file through the whole cluster', () => {
  test('every chunk has three verified copies on two clouds, and every byte comes back', async () => {
    const bytes = content(100 * kib + 17);
    const pipeline = await withSource(bytes);
    const { job, chunks } = await pipeline.ingest('aws-1', { path, name: 'batch' });
    expect(chunks).toBe(13);
    expect(await pipeline.ended('aws-1', job)).toMatchObject({
      state: 'done',
      chunksDone: 13,
      bytesDone: bytes.length,
    });
    expect(await pipeline.verify('gcp-1', 'batch')).toEqual({
      bytes: bytes.length,
      chunks: 13,
      replicasMin: 3,
      cloudsMin: 2,
      bad: [],
    });
    expect(await pipeline.read('gcp-2', 'batch')).toEqual(bytes);
    const manifest = await pipeline.manifest('aws-2', 'batch');
    for (const chunk of manifest.chunks) expect(new Set(chunk.replicas.map(({ node }) => node)).size).toBe(3);
  });

  test('no node differs by more than one chunk from its share, and all nodes work', async () => {
    const pipeline = await withSource(content(320 * kib));
    const { job, chunks } = await pipeline.ingest('aws-1', { path, name: 'batch' });
    await pipeline.ended('aws-1', job);
    const manifest = await pipeline.manifest('aws-1', 'batch');
    const share = (chunks * 3) / four.length;
    for (const name of four) {
      const held = manifest.chunks.filter(({ replicas }) =>
        replicas.some(({ node }) => node === name),
      ).length;
      expect(Math.abs(held - share)).toBeLessThanOrEqual(1);
    }
    expect(new Set(manifest.chunks.map(({ worker }) => worker))).toEqual(new Set(four));
  });

  test.each([0, 1, 8 * kib, 8 * kib + 1])('%i bytes', async (size) => {
    const bytes = content(size);
    const pipeline = await withSource(bytes);
    const { job } = await pipeline.ingest('aws-1', { path, name: 'small' });
    expect((await pipeline.ended('aws-1', job)).state).toBe('done');
    expect(await pipeline.read('aws-2', 'small')).toEqual(bytes);
    expect(await pipeline.verify('aws-2', 'small')).toMatchObject({
      bytes: size,
      replicasMin: 3,
      cloudsMin: 2,
      bad: [],
    });
  });
});

describe('refusals at the start leave nothing behind', () => {
  async function refusal(
    pipeline: PipelineCluster,
    order: Parameters<PipelineCluster['ingest']>[1],
  ): Promise<unknown> {
    return pipeline.ingest('aws-1', order).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    );
  }

  test('a name that is taken, a bad name, no file, a folder, too few nodes, contradicting sizes', async () => {
    const pipeline = await withSource(content(10 * kib));
    await pipeline.ingest('aws-1', { path, name: 'batch' });
    expect(await refusal(pipeline, { path, name: 'batch' })).toBe('ALREADY_EXISTS');
    expect(await refusal(pipeline, { path, name: '../up' })).toBe('INVALID_NAME');
    expect(await refusal(pipeline, { path: '/sources/none', name: 'a' })).toBe('DISK_NOT_FOUND');
    expect(await refusal(pipeline, { path: '/sources', name: 'b' })).toBe('SOURCE_NOT_A_FILE');
    expect(await refusal(pipeline, { path, name: 'c', replicas: 5 })).toBe('TOO_FEW_NODES');
    expect(await refusal(pipeline, { path, name: 'd', minClouds: 3 })).toBe('TOO_FEW_CLOUDS');
    expect(await refusal(pipeline, { path, name: 'e', blockBytes: 16 * kib })).toBe('INVALID_OPTION');
    const registry = pipeline.cluster.node('aws-1').membership.handle;
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      expect(await pipeline.cluster.until(findName(registry, name))).toBeUndefined();
    }
  });
});

describe('a source that changes', () => {
  test('ends the job with SOURCE_CHANGED; its name is free again and nothing of it is kept', async () => {
    const pipeline = await withSource(content(64 * kib));
    const { job } = await pipeline.ingest('aws-1', { path, name: 'batch' });
    await pipeline.write('aws-1', path, content(65 * kib, 4));
    expect(await pipeline.ended('gcp-1', job)).toMatchObject({ state: 'failed', code: 'SOURCE_CHANGED' });
    const registry = pipeline.cluster.node('aws-1').membership.handle;
    expect(await pipeline.cluster.until(findName(registry, 'batch'))).toBeUndefined();
    await pipeline.cluster.advance(5000);
    for (const name of four) {
      const { pipeline: running } = await pipeline.running(name);
      expect(running.store.list()).toEqual([]);
    }
    const again = await pipeline.ingest('aws-1', { path, name: 'batch' });
    expect((await pipeline.ended('aws-1', again.job)).state).toBe('done');
  });
});

async function restart(pipeline: PipelineCluster, name: string): Promise<void> {
  pipeline.disks.get(name)?.powerLoss();
  await pipeline.cluster.start(name);
  await pipeline.running(name);
}

describe('failure', () => {
  /** A job under way, the node of its coordinator, and another node of the source's cloud or not. */
  async function underWay(): Promise<{
    pipeline: PipelineCluster;
    bytes: Uint8Array;
    job: string;
    owner: string;
  }> {
    const bytes = content(400 * kib);
    const pipeline = await withSource(bytes);
    const { job } = await pipeline.ingest('aws-1', { path, name: 'batch' });
    await pipeline.cluster.when(() =>
      pipeline.cluster.registry.listAll().keys.some(({ key }) => key.startsWith(`chunks/${job}/`)),
    );
    const lease = pipeline.cluster.registry.listAll().leases.find(({ key }) => key.startsWith('shards/job/'));
    return { pipeline, bytes, job, owner: lease?.holder as string };
  }

  test('a coordinator that is killed has a successor that does no committed chunk again', async () => {
    const { pipeline, bytes, job, owner } = await underWay();
    const before = await recordsOf(pipeline, 'aws-1', job);
    const done = before.flatMap(({ state, stored }, index) => (state === 'done' ? [{ index, stored }] : []));
    expect(done.length).toBeGreaterThan(0);
    expect(done.length).toBeLessThan(before.length);
    pipeline.cluster.kill(owner);
    const survivor = four.find((name) => name !== owner && name !== 'aws-1') as string;
    // The source is gone with its node: the job waits for it, with the reason.
    if (owner === 'aws-1') await restart(pipeline, owner);
    expect(await pipeline.ended(survivor, job)).toMatchObject({ state: 'done', chunksDone: before.length });
    const { chunks } = await pipeline.manifest(survivor, 'batch');
    for (const { index, stored } of done) expect(chunks[index]).toMatchObject({ ...stored, index });
    expect(await pipeline.read(survivor, 'batch')).toEqual(bytes);
  });

  test('a worker that is killed loses its lease, not its chunk', async () => {
    const { pipeline, bytes, job, owner } = await underWay();
    const victim = four.find((name) => name !== owner && name !== 'aws-1') as string;
    pipeline.cluster.kill(victim);
    expect((await pipeline.ended('aws-1', job)).state).toBe('done');
    expect(await pipeline.read('aws-1', 'batch')).toEqual(bytes);
    const verdict = await pipeline.verify('aws-1', 'batch');
    expect(verdict.bad.every(({ node }) => node === victim)).toBe(true);
    expect(verdict.replicasMin).toBeGreaterThanOrEqual(2);
  });

  test('a frozen coordinator that wakes changes nothing: its writes are refused', async () => {
    const { pipeline, bytes, job, owner } = await underWay();
    pipeline.cluster.freeze(owner);
    await pipeline.cluster.advance(10_000);
    pipeline.cluster.thaw(owner);
    const survivor = four.find((name) => name !== owner && name !== 'aws-1') as string;
    const asker = owner === 'aws-1' ? survivor : 'aws-1';
    expect((await pipeline.ended(asker, job)).state).toBe('done');
    expect(await pipeline.read(asker, 'batch')).toEqual(bytes);
    expect(cloudOf(asker)).toMatch(/aws|gcp/);
  });
});

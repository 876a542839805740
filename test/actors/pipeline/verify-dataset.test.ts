import { beforeEach, describe, expect, it } from 'vitest';
import { storeManifest } from '../../../src/actors/pipeline/manifest-object.ts';
import type { Manifest } from '../../../src/actors/pipeline/messages.ts';
import { type DatasetVerdict, verifyDataset } from '../../../src/actors/pipeline/verify-dataset.ts';
import type { BulkAttachment } from '../../../src/ports/bulk.ts';
import { checksum, content, hashOf } from './chunk-store-fixture.ts';
import { dataset, identity, type KeeperNode, KeeperWorld, manifestOf, storeOn } from './keeper-fixture.ts';

const nodes = ['a1', 'a2', 'b1'];
const replicas = nodes.map((node) => ({ node, cloud: node.startsWith('a') ? 'aws' : 'gcp' }));
const chunks = [content(4000, 1), content(100, 2)];

describe('verifying a data set', () => {
  let world: KeeperWorld;
  let bulk: BulkAttachment;

  beforeEach(async () => {
    world = new KeeperWorld();
    for (const node of await world.start(nodes)) {
      for (const [index, bytes] of chunks.entries()) await storeOn(world, node, identity({ index }), bytes);
    }
    bulk = world.plane.attach('reader');
  });

  function node(name: string): KeeperNode {
    return world.nodes.get(name) as KeeperNode;
  }

  function verified(
    manifest: Manifest = manifestOf(chunks, replicas),
    blake3 = hashOf(new Uint8Array(0)),
    signal: AbortSignal = new AbortController().signal,
  ): Promise<DatasetVerdict> {
    const manifestObject = { blake3, replicas };
    const { keeperOf } = world;
    return world.until(
      verifyDataset({ manifest, manifestObject, keeperOf, bulk, checksum, signal, atOnce: 2 }),
    );
  }

  it('counts replicas and clouds that verify', async () => {
    expect(await verified()).toEqual({ bytes: 4100, chunks: 2, replicasMin: 3, cloudsMin: 2, bad: [] });
  });

  it('names the replica whose bytes rotted', async () => {
    const hash = hashOf(chunks[1] as Uint8Array);
    const path = `/data/store/chunks/${dataset}/00000001-${hash.slice(0, 16)}.chunk`;
    node('b1').disk.flipBit(path, 4096 * 8 + 5);
    const verdict = await verified();
    expect(verdict).toMatchObject({ replicasMin: 2, cloudsMin: 1 });
    expect(verdict.bad).toMatchObject([
      { chunk: 1, node: 'b1', reason: expect.stringMatching(/block 0/) as string },
    ]);
  });

  it('counts a chunk that is gone, and a node that is gone, as bad', async () => {
    await world.until(node('a2').ref.ask.forgetDataset({ dataset }));
    node('b1').end();
    const verdict = await verified();
    expect(verdict).toMatchObject({ replicasMin: 1, cloudsMin: 1 });
    expect(verdict.bad.map(({ chunk, node: name }) => `${chunk} ${name}`)).toEqual([
      '0 a2',
      '0 b1',
      '1 a2',
      '1 b1',
    ]);
  });

  it('counts the copies of the manifest of an empty data set', async () => {
    const manifest = manifestOf([], replicas);
    const { keeperOf } = world;
    const object = await world.until(
      storeManifest({ manifest, bulk, checksum, nodes: ['a1', 'b1'], keeperOf }),
    );
    const verdict = await verified(manifest, object.blake3);
    expect(verdict).toMatchObject({ bytes: 0, chunks: 0, replicasMin: 2, cloudsMin: 2 });
    expect(verdict.bad).toMatchObject([{ chunk: 0, node: 'a2' }]);
  });

  it('ends with its signal', async () => {
    expect(await world.codeOf(verified(undefined, undefined, AbortSignal.abort()))).toBe('CANCELLED');
  });
});

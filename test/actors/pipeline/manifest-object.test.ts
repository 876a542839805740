import { beforeEach, describe, expect, it } from 'vitest';
import {
  decodeManifest,
  encodeManifest,
  fetchManifest,
  type StoredManifest,
  storeManifest,
} from '../../../src/actors/pipeline/manifest-object.ts';
import type { Manifest } from '../../../src/actors/pipeline/messages.ts';
import { objectBlockBytes } from '../../../src/actors/pipeline/object-blocks.ts';
import type { BulkAttachment } from '../../../src/ports/bulk.ts';
import { encodeToBytes } from '../../../src/runtime/wire/value.ts';
import { checksum, content, hashOf } from './chunk-store-fixture.ts';
import { dataset, type KeeperNode, KeeperWorld, manifestOf } from './keeper-fixture.ts';

const nodes = ['a', 'b', 'c'];
const replicas = nodes.map((node) => ({ node, cloud: 'aws' }));
const manifest = manifestOf([content(4000), content(100, 2)], replicas);

describe('a manifest as an object', () => {
  let world: KeeperWorld;
  let keepers: readonly KeeperNode[];
  let bulk: BulkAttachment;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    world = new KeeperWorld();
    keepers = await world.start(nodes);
    bulk = world.plane.attach('coordinator');
  });

  function stored(given: Manifest = manifest, change: { atLeast?: number } = {}): Promise<StoredManifest> {
    const { keeperOf } = world;
    return world.until(storeManifest({ manifest: given, bulk, checksum, nodes, keeperOf, ...change }));
  }

  function fetched({ blake3 }: { blake3?: string }, at: readonly string[] = nodes): Promise<Manifest> {
    const entry = { dataset, manifestNodes: [...at], ...(blake3 === undefined ? {} : { manifest: blake3 }) };
    const { keeperOf } = world;
    return world.until(fetchManifest({ entry, bulk, checksum, keeperOf, otherNodes: ['c'], signal }));
  }

  it('comes back from its bytes, under their BLAKE3', () => {
    const bytes = encodeManifest(manifest);
    expect(decodeManifest(bytes)).toEqual(manifest);
    expect(encodeManifest(decodeManifest(bytes))).toEqual(bytes);
  });

  it('is refused when its bytes are no manifest', () => {
    expect(() => decodeManifest(encodeToBytes({ ...manifest, format: 2 }))).toThrow(/INVALID_MESSAGE/);
    expect(() => decodeManifest(encodeToBytes({ ...manifest, dataset: '../x' }))).toThrow(/INVALID_MESSAGE/);
    expect(() => decodeManifest(Uint8Array.of(255, 1, 2))).toThrow(/FRAME_MALFORMED/);
  });

  it('is kept durably by all keepers and fetched from the first', async () => {
    const object = await stored();
    expect(object).toMatchObject({ blake3: hashOf(encodeManifest(manifest)), nodes, failed: [] });
    for (const keeper of keepers) {
      await keeper.crash(true);
      expect(keeper.store.objects()).toMatchObject([{ hash: object.blake3, owners: [dataset] }]);
    }
    expect(await fetched(object)).toEqual(manifest);
    expect(world.plane.bytesBetween('a', 'coordinator')).toBe(object.bytes);
    expect(world.plane.bytesBetween('b', 'coordinator')).toBe(0);
  });

  it('may have more than one block', async () => {
    const replica = { node: 'a', cloud: 'aws' };
    const large = manifestOf(
      Array.from({ length: 14_000 }, () => new Uint8Array(1)),
      [replica, replica, replica],
    );
    const object = await stored(large);
    expect(object.bytes).toBeGreaterThan(objectBlockBytes);
    // Comparing so much item by item takes seconds.
    expect(hashOf(encodeManifest(await fetched(object)))).toBe(object.blake3);
  });

  it('is fetched from another keeper when one is gone, and one has it damaged', async () => {
    const object = await stored();
    (keepers[0] as KeeperNode).end();
    const path = `/data/store/objects/${object.blake3.slice(0, 2)}/${object.blake3}.object`;
    (keepers[1] as KeeperNode).disk.flipBit(path, (4096 + 100) * 8);
    expect(await fetched(object)).toEqual(manifest);
    expect(await fetched(object, [])).toEqual(manifest);
    (keepers[2] as KeeperNode).end();
    const fetching = fetched(object);
    expect(await world.codeOf(fetching)).toBe('UNREADABLE');
    await expect(fetching).rejects.toThrow(/a: .*b: .*c: /);
  });

  it('says which keepers took it, and fails when too few did', async () => {
    (keepers[1] as KeeperNode).end();
    expect(await world.codeOf(stored())).toBe('NO_SUCH_ACTOR');
    const object = await stored(manifest, { atLeast: 2 });
    expect(object.nodes).toEqual(['a', 'c']);
    expect(object.failed.map(({ node }) => node)).toEqual(['b']);
  });

  it('is not there for a name that is being ingested', async () => {
    expect(await world.codeOf(fetched({}))).toBe('NO_SUCH_DATASET');
  });
});

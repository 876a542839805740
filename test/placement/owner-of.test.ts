import { describe, expect, it } from 'vitest';
import { candidateOf, defaultShardCount, shardOf } from '../../src/placement/owner-of.ts';
import type { Member, MemberState } from '../../src/ports/registry.ts';

function member(node: string, state: MemberState = 'ready'): Member {
  const place = { cloud: 'aws', region: 'r', zone: 'z', version: '0', addresses: {}, capabilities: {} };
  return { node, epoch: 1, state, ...place };
}

const shards = Array.from({ length: defaultShardCount }, (_, shard) => shard);

describe('owner of a key', () => {
  it('spreads keys evenly over shards', () => {
    const counts = new Array<number>(defaultShardCount).fill(0);
    const total = 100_000;
    for (let i = 0; i < total; i++) {
      const shard = shardOf(`device-${i}`);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    const expected = total / defaultShardCount;
    const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: 99.99 % of uniform hashes stay below 347.
    expect(chiSquared).toBeLessThan(347);
    expect(shardOf('device-1', 1)).toBe(0);
  });

  it('names one candidate that does not hang on the order of members', () => {
    const members = ['a', 'b', 'c'].map((node) => member(node));
    for (const shard of shards) {
      expect(candidateOf('job', shard, members.toReversed())).toBe(candidateOf('job', shard, members));
    }
    expect(candidateOf('job', 1, [])).toBeUndefined();
  });

  it('gives each of four members about a quarter of the shards, another quarter for another kind', () => {
    const members = ['aws-1', 'aws-2', 'gcp-1', 'gcp-2'].map((node) => member(node));
    for (const { node } of members) {
      const own = shards.filter((shard) => candidateOf('job', shard, members) === node);
      expect(own.length).toBeGreaterThan(defaultShardCount / 4 - 30);
      expect(own.length).toBeLessThan(defaultShardCount / 4 + 30);
    }
    const same = shards.filter(
      (shard) => candidateOf('job', shard, members) === candidateOf('keeper', shard, members),
    );
    expect(same.length).toBeLessThan(defaultShardCount / 2);
  });

  it('passes over members that drain, and moves nothing else', () => {
    const before = ['a', 'b', 'c', 'd'].map((node) => member(node));
    const after = before.map((one) => (one.node === 'b' ? member('b', 'draining') : one));
    for (const shard of shards) {
      const owner = candidateOf('job', shard, before);
      if (owner === 'b') expect(candidateOf('job', shard, after)).not.toBe('b');
      else expect(candidateOf('job', shard, after)).toBe(owner);
    }
    expect(candidateOf('job', 0, [member('b', 'draining')])).toBeUndefined();
  });
});

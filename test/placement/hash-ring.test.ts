import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendezvousFirst, rendezvousOrder } from '../../src/placement/hash-ring.ts';
import { hashText, unitOf } from '../../src/placement/string-hash.ts';

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 12 });
const key = fc.string({ maxLength: 30 });
const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `chunk/${i}`);
const weigh = (nodes: readonly string[], weight = 1) => nodes.map((node) => ({ node, weight }));

describe('string hash', () => {
  it('stays what it is: ownership hangs on it', () => {
    const known = ['', 'a', 'b', 'chunk/1', 'ключ', '😀'].map((text) => {
      const { high, low } = hashText(text);
      return [text, high.toString(16), low.toString(16)].join(' ');
    });
    expect(known).toMatchInlineSnapshot(`
      [
        " a01f8261 8609c9ad",
        "a 24f5a5b6 df67430",
        "b f7fe474f a6a0d166",
        "chunk/1 8e3e21ee a5e48ecd",
        "ключ 62ae2686 dedf8a2b",
        "😀 1f3108bc 14e91a8c",
      ]
    `);
  });

  it('does not collide on many like keys', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 200_000; i++) seen.add(unitOf(hashText(`shard-${i}`)));
    expect(seen.size).toBe(200_000);
  });

  it('flips about half of the bits when one bit of the text or the seed changes', () => {
    let flipped = 0;
    let trials = 0;
    const bits = (n: number): number => n.toString(2).replaceAll('0', '').length;
    for (let i = 0; i < 500; i++) {
      for (let bit = 0; bit < 7; bit++) {
        const text = `key-${i}-x`;
        const other = `key-${i}-${String.fromCharCode('x'.charCodeAt(0) ^ (1 << bit))}`;
        const [a, b] = [hashText(text), hashText(other)];
        flipped += bits((a.high ^ b.high) >>> 0) + bits((a.low ^ b.low) >>> 0);
        trials += 64;
      }
    }
    expect(flipped / trials).toBeGreaterThan(0.48);
    expect(flipped / trials).toBeLessThan(0.52);
  });

  it('lies strictly between 0 and 1 at both ends', () => {
    expect(unitOf({ high: 0, low: 0 })).toBeGreaterThan(0);
    expect(unitOf({ high: 0xffff_ffff, low: 0xffff_ffff })).toBeLessThan(1);
  });
});

describe('rendezvous hashing', () => {
  it('orders all nodes, whatever order they are given in (H1)', () => {
    fc.assert(
      fc.property(key, names, (text, nodes) => {
        const order = rendezvousOrder(text, weigh(nodes));
        expect(order.toSorted()).toEqual(nodes.toSorted());
        expect(rendezvousOrder(text, weigh(nodes.toReversed()))).toEqual(order);
        expect(rendezvousFirst(text, nodes)).toBe(order[0]);
      }),
    );
  });

  it('keeps the order among the others when a node goes or comes (H2)', () => {
    fc.assert(
      fc.property(key, names, fc.nat(), (text, nodes, pick) => {
        const gone = nodes[pick % nodes.length];
        const order = rendezvousOrder(text, weigh(nodes));
        const without = rendezvousOrder(text, weigh(nodes.filter((node) => node !== gone)));
        expect(without).toEqual(order.filter((node) => node !== gone));
      }),
    );
  });

  it('moves only what a changed weight wins or loses (H2)', () => {
    const nodes = ['a', 'b', 'c', 'd'];
    for (const text of keys(2000)) {
      const before = rendezvousOrder(text, weigh(nodes))[0];
      const after = rendezvousOrder(
        text,
        nodes.map((node) => ({ node, weight: node === 'a' ? 2 : 1 })),
      )[0];
      if (after !== before) expect(after).toBe('a');
    }
  });

  it('gives each node keys in proportion to its weight (H3)', () => {
    const nodes = [
      { node: 'aws-1', weight: 1 },
      { node: 'aws-2', weight: 1 },
      { node: 'gcp-1', weight: 2 },
      { node: 'gcp-2', weight: 4 },
    ];
    const count = 40_000;
    const won = new Map<string, number>();
    for (const text of keys(count)) {
      const first = rendezvousOrder(text, nodes)[0] as string;
      won.set(first, (won.get(first) ?? 0) + 1);
    }
    for (const { node, weight } of nodes) {
      const share = weight / 8;
      const sigma = Math.sqrt(count * share * (1 - share));
      expect(Math.abs((won.get(node) ?? 0) - count * share)).toBeLessThan(4 * sigma);
    }
  });

  it('never chooses a node without weight', () => {
    expect(
      rendezvousOrder('k', [
        { node: 'a', weight: 0 },
        { node: 'b', weight: -1 },
      ]),
    ).toEqual([]);
    expect(rendezvousFirst('k', [])).toBeUndefined();
  });
});

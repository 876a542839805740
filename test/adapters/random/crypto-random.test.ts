import { expect, it } from 'vitest';
import { cryptoRandom } from '../../../src/adapters/random/crypto-random.ts';

it('draws floats in [0, 1) that fill the range', () => {
  const random = cryptoRandom();
  const floats = Array.from({ length: 10_000 }, () => random.float());
  expect(floats.every((x) => x >= 0 && x < 1)).toBe(true);
  expect(Math.min(...floats)).toBeLessThan(0.01);
  expect(Math.max(...floats)).toBeGreaterThan(0.99);
  expect(new Set(floats).size).toBe(floats.length);
});

it('draws every integer below the bound', () => {
  const random = cryptoRandom();
  expect(new Set(Array.from({ length: 1000 }, () => random.below(7)))).toEqual(
    new Set([0, 1, 2, 3, 4, 5, 6]),
  );
});

it('draws ids of the asked length that differ', () => {
  const random = cryptoRandom();
  const ids = Array.from({ length: 1000 }, () => random.hex(16));
  expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(1000);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkDatasetName,
  checkPlan,
  chunkCount,
  chunkRange,
} from '../../../src/actors/pipeline/job-plan.ts';

test('chunks cover a source from its first byte to its last, without gaps', () => {
  fc.assert(
    fc.property(fc.nat(10_000_000), fc.integer({ min: 1024, max: 100_000 }), (bytes, chunkBytes) => {
      let next = 0;
      for (let index = 0; index < chunkCount(bytes, chunkBytes); index++) {
        const range = chunkRange(index, bytes, chunkBytes);
        expect(range.offset).toBe(next);
        expect(range.bytes).toBeGreaterThan(0);
        expect(range.bytes).toBeLessThanOrEqual(chunkBytes);
        next += range.bytes;
      }
      expect(next).toBe(bytes);
    }),
  );
});

describe('names', () => {
  test.each(['a', 'data set 1', 'übung.csv', '日本語', 'x'.repeat(200)])('%s is taken', (name) => {
    expect(() => checkDatasetName(name)).not.toThrow();
  });

  test.each([
    ['', '1 to 200 bytes'],
    ['x'.repeat(300), '300'],
    ['a..b', 'a path'],
    ['a/b', 'a path'],
    ['a\\b', 'a path'],
    ['.', 'a path'],
    ['a\u0000b', 'control character'],
    ['a\nb', 'control character'],
    ['\ud800', 'well-formed'],
  ])('%j is refused', (name, why) => {
    expect(() => checkDatasetName(name)).toThrowError(expect.objectContaining({ code: 'INVALID_NAME' }));
    expect(() => checkDatasetName(name)).toThrowError(why);
  });
});

test.each([
  [1e6, 100, 100, 'chunk-size'],
  [1e6, 200 * 1024 * 1024, 4096, 'chunk-size'],
  [1e6, 4096, 8192, 'block-size'],
  [1e6, 1e6, 1, 'block-size'],
  [1e12, 4096, 4096, 'chunk-size'],
])(
  'a plan of %d bytes in chunks of %d and blocks of %d is refused by --%s',
  (bytes, chunkBytes, blockBytes, field) => {
    expect(() => checkPlan(bytes, chunkBytes, blockBytes)).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', details: { field } }),
    );
  },
);

import { describe, expect, test } from 'vitest';
import { readCloudCounts, writeCloudCounts } from '../../src/config/cloud-counts.ts';
import { parseCount } from '../../src/config/count.ts';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';
import { nearMiss } from '../../src/config/near-miss.ts';
import { LoomError } from '../../src/ports/loom-error.ts';

describe('parseDuration', () => {
  test.each([
    ['500ms', 500],
    ['0ms', 0],
    ['2s', 2_000],
    ['2 s', 2_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
  ])('takes %j', (text, ms) => {
    expect(parseDuration(text, '--for')).toBe(ms);
  });

  test.each(['', '5', '-1s', '1d', 's', '1.5.2s', 'NaN', '1m30s', '9999999999999h'])('refuses %j', (text) => {
    expect(() => parseDuration(text, '--for')).toThrow(LoomError);
    expect(() => parseDuration(text, '--for')).toThrow(/INVALID_OPTION: --for is .*500ms, 2s/);
  });
});

describe('formatDuration', () => {
  test.each([
    [0, '0 ms'],
    [740.4, '740 ms'],
    [1_000, '1 s'],
    [2_540, '2.5 s'],
    [59_970, '1 min'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [3_900_000, '1 h 5 min'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('parseCount', () => {
  test('takes whole numbers within the range, the ends included', () => {
    expect([parseCount('1', '--n', { min: 1, max: 3 }), parseCount('3', '--n', { min: 1, max: 3 })]).toEqual([
      1, 3,
    ]);
  });

  test.each(['0', '4', '-1', '1.5', '', 'abc', '1e0', 'Infinity'])('refuses %j', (text) => {
    expect(() => parseCount(text, '--n', { min: 1, max: 3 })).toThrow(
      /INVALID_OPTION: --n is .* from 1 to 3/,
    );
  });
});

describe('readCloudCounts', () => {
  test('keeps the order and survives being written', () => {
    const read = readCloudCounts('gcp=2, aws=1,on-prem=3');
    expect(read).toEqual({
      nodes: [
        { cloud: 'gcp', count: 2 },
        { cloud: 'aws', count: 1 },
        { cloud: 'on-prem', count: 3 },
      ],
    });
    expect('nodes' in read && readCloudCounts(writeCloudCounts(read.nodes))).toEqual(read);
  });

  test.each([
    ['', /part ""/],
    ['aws', /part "aws"/],
    ['aws=', /part/],
    ['=2', /part/],
    ['aws=2,', /part ""/],
    ['AWS=2', /part "AWS=2"/],
    ['aws=two', /part/],
    ['aws=-1', /part/],
    ['aws=1.5', /part/],
    ['aws=1=2', /part/],
    ['__proto__=2', /part/],
    ['aws=0', /no node of aws/],
    ['aws=1,aws=2', /aws twice/],
    ['aws=20,gcp=13', /33 nodes.*at most 32/],
    ['aws=9999', /at most 32/],
  ])('refuses %j', (text, why) => {
    const read = readCloudCounts(text);
    expect('problem' in read && read.problem).toMatch(why);
  });

  test('takes 32 nodes', () => {
    expect('nodes' in readCloudCounts('aws=16,gcp=16')).toBe(true);
  });
});

describe('nearMiss', () => {
  const words = ['status', 'verify', 'ingest', 'ls'];

  test.each([
    ['stauts', 'status'],
    ['verfy', 'verify'],
    ['INGEST', 'ingest'],
    ['l', 'ls'],
    ['lss', 'ls'],
  ])('sees %s as %s', (typed, meant) => {
    expect(nearMiss(typed, words)).toBe(meant);
  });

  test.each(['', 'frobnicate', 'x'.repeat(100_000)])('sees nothing near %.20s', (typed) => {
    expect(nearMiss(typed, ['status', 'verify', 'ingest'])).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, parseBytes } from '../../src/config/size.ts';
import { LoomError } from '../../src/ports/loom-error.ts';

describe('parseBytes', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['1B', 1],
    ['100MiB', 100 * 2 ** 20],
    ['100 MiB', 100 * 2 ** 20],
    [' 1gib ', 2 ** 30],
    ['1GiB', 2 ** 30],
    ['1GB', 1e9],
    ['1.1GB', 1_100_000_000],
    ['1.5KiB', 1536],
    ['512k', 512 * 1024],
    ['512K', 512 * 1024],
    ['3T', 3 * 2 ** 40],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['8191TiB', 8191 * 2 ** 40],
  ])('takes %j', (text, bytes) => {
    expect(parseBytes(text, '--size')).toBe(bytes);
  });

  test.each([
    '',
    ' ',
    '-1',
    '+1',
    'abc',
    '1.5.2',
    'NaN',
    'Infinity',
    '1e9',
    '0x10',
    '1,5',
    '1iB',
    '1PiB',
    '1 GiB x',
    '.5GiB',
    '5.GiB',
    '1.5',
    '0.1KiB',
    '9007199254740992',
    '9223372036854775807',
    '8192TiB',
    '99999999999999999999',
    '１MiB',
  ])('refuses %j with a coded error that names the option and the value', (text) => {
    const error = refusal(() => parseBytes(text, '--size'));
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toContain(`--size is ${JSON.stringify(text)}`);
    expect(error.details).toEqual({ option: '--size', value: text });
  });

  test('says which forms are taken', () => {
    expect(refusal(() => parseBytes('abc', '--size')).message).toMatch(/100MiB.*1GB.*bytes/);
  });

  test('is exact for every unit', () => {
    const units = {
      KiB: 2 ** 10,
      MiB: 2 ** 20,
      GiB: 2 ** 30,
      kB: 1e3,
      MB: 1e6,
      GB: 1e9,
      K: 2 ** 10,
      M: 2 ** 20,
      G: 2 ** 30,
    };
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8_000_000 }),
        fc.constantFrom(...Object.entries(units)),
        (count, [unit, step]) => {
          expect(parseBytes(`${count}${unit}`, '--size')).toBe(count * step);
        },
      ),
    );
  });

  test('answers a safe whole number or refuses, whatever it is given', () => {
    const nearSizes = fc.stringMatching(/^[-+]?[0-9.]{0,20} ?[kKmMgGtTpPiIbB]{0,3}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearSizes), (text) => {
        try {
          const bytes = parseBytes(text, '--size');
          expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(LoomError);
        }
      }),
    );
  });
});

describe('formatBytes', () => {
  test.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [1024 * 1024 - 1, '1 MiB'],
    [100 * 2 ** 20, '100 MiB'],
    [5 * 2 ** 40, '5 TiB'],
    [5 * 2 ** 50, '5120 TiB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('stays within five percent of what it was given', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1024, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        const text = formatBytes(bytes);
        const [number, unit] = text.split(' ');
        const units: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
        const back = Number(number) * (units[unit ?? ''] ?? Number.NaN);
        expect(Math.abs(back - bytes) / bytes).toBeLessThan(0.05);
      }),
    );
  });
});

function refusal(run: () => unknown): LoomError {
  try {
    run();
  } catch (error) {
    if (error instanceof LoomError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

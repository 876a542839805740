import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { ByteWriter } from '../../../src/runtime/wire/byte-writer.ts';
import { encodeToBytes, encodeValue } from '../../../src/runtime/wire/value.ts';
import { decodeValue } from '../../../src/runtime/wire/value-decode.ts';

const runs = { numRuns: 500 };

/** Any value that the codec takes, with the corners of each kind made likely. */
const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(undefined, null, true, false, -0, Number.NaN, Infinity, -Infinity, 0, 63, 64, -1, ''),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31, -(2 ** 31), 2 ** 53, 5e-324),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt({ min: -(2n ** 1024n) + 1n, max: 2n ** 1024n - 1n }),
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    loneSurrogates(),
    fc.uint8Array({ maxLength: 100 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'a')), tie('value')),
  ),
})).value;

function loneSurrogates(): fc.Arbitrary<string> {
  const unit = fc.oneof(fc.integer({ min: 0xd800, max: 0xdfff }), fc.integer({ min: 0, max: 0xffff }));
  return fc.array(unit, { maxLength: 120 }).map((units) => String.fromCharCode(...units));
}

function refusal(run: () => unknown): LoomError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof LoomError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was refused');
}

describe('the value codec', () => {
  it('E1: gives back what it was given', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const back = decodeValue(encodeToBytes(value));
        // Not toStrictEqual: it asks a field named `constructor` for the type.
        expect(isDeepStrictEqual(back, plain(value))).toBe(true);
      }),
      runs,
    );
  });

  it('E1: keeps negative zero, NaN and undefined fields', () => {
    const back = decodeValue(encodeToBytes({ a: -0, b: Number.NaN, c: undefined })) as Record<
      string,
      unknown
    >;
    expect(Object.is(back['a'], -0)).toBe(true);
    expect(back['b']).toBeNaN();
    expect(Object.keys(back)).toEqual(['a', 'b', 'c']);
  });

  it('E1: keeps strings around each length at which their form changes', () => {
    for (const unit of ['a', 'é', '€', '😀', '\ud800', '\udc00']) {
      for (const count of [0, 1, 10, 15, 16, 31, 32, 47, 48, 95, 96, 97, 127, 128, 5000]) {
        const text = unit.repeat(count);
        expect(decodeValue(encodeToBytes(text))).toBe(text);
        expect(decodeValue(encodeToBytes(`${text}x`))).toBe(`${text}x`);
      }
    }
  });

  it('E2: takes subclasses of Uint8Array and null prototypes as their plain form', () => {
    const bare = Object.assign(Object.create(null) as object, { bytes: Buffer.from([1, 2]) });
    const back = decodeValue(encodeToBytes(bare)) as { bytes: Uint8Array };
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(back.bytes)).toBe(Uint8Array.prototype);
    expect([...back.bytes]).toEqual([1, 2]);
  });

  it.each([
    ['a function', { a: { b: [1, () => 1] } }, 'a.b[1]', 'function'],
    ['a symbol', [Symbol('x')], '[0]', 'symbol'],
    ['an instance', { when: new Date(0) }, 'when', 'Date'],
    ['a map', { m: new Map() }, 'm', 'Map'],
    ['a hole', { list: new Array(2) }, 'list[0]', 'hole'],
    ['a large bigint', { n: 2n ** 1024n }, 'n', 'bigint'],
    ['the root', new Set(), '', 'the message'],
  ])('E3: refuses %s and names the field', (_, value, field, word) => {
    const error = refusal(() => encodeToBytes(value));
    expect(error.code).toBe('INVALID_MESSAGE');
    expect(error.details['field']).toBe(field);
    expect(error.message).toContain(word);
  });

  it('E3: refuses a getter that throws, with its cause', () => {
    const cause = new Error('no');
    const value = {
      get a(): never {
        throw cause;
      },
    };
    expect(refusal(() => encodeToBytes({ value })).cause).toBe(cause);
  });

  it('E3: takes 64 levels and refuses 65, and cycles', () => {
    const nested = (levels: number): unknown => {
      let value: unknown = 1;
      for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
      return value;
    };
    expect(decodeValue(encodeToBytes(nested(64)))).toEqual(nested(64));
    expect(refusal(() => encodeToBytes(nested(65))).code).toBe('INVALID_MESSAGE');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    cycle['again'] = cycle;
    expect(refusal(() => encodeToBytes(cycle)).code).toBe('INVALID_MESSAGE');
  });

  it('E3: refuses what is larger than the limit and leaves the writer as it was', () => {
    for (const value of ['x'.repeat(200), 'é'.repeat(60), new Uint8Array(101), new Array(200).fill(1)]) {
      const writer = new ByteWriter(8);
      writer.string('before');
      const length = writer.length;
      const error = refusal(() => encodeValue({ value }, writer, { maxBytes: 100 }));
      expect(error.code).toBe('INVALID_MESSAGE');
      expect(error.message).toContain('larger than its limit');
      expect(writer.length).toBe(length);
    }
    expect(refusal(() => encodeToBytes({ ['k'.repeat(101)]: 1 }, { maxBytes: 100 })).code).toBe(
      'INVALID_MESSAGE',
    );
  });

  it('E4: refuses every truncation', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeToBytes(value);
        for (let size = 0; size < bytes.length; size += 1 + Math.floor(bytes.length / 500)) {
          expect(refusal(() => decodeValue(bytes.subarray(0, size))).code).toBe('FRAME_MALFORMED');
        }
      }),
      { numRuns: 100 },
    );
  });

  it('E4: answers random and damaged bytes with a value or FRAME_MALFORMED', () => {
    const tryAll = (bytes: Uint8Array): void => {
      try {
        decodeValue(bytes);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(LoomError);
        expect((thrown as LoomError).code).toBe('FRAME_MALFORMED');
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tryAll), { numRuns: 3000 });
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, at, byte) => {
        const bytes = encodeToBytes(value);
        bytes[at % bytes.length] = byte;
        tryAll(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['an array of 2^40 items', [0x8b, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
    ['an object of 2^40 fields', [0x8c, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
    ['a string of 2^40 bytes', [0x89, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x41]],
    ['bytes that are not there', [0x8a, 0x7f, 1, 2]],
    ['a number above 2^53 - 1', [0x84, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a number below -(2^53 - 1)', [0x85, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a number without end', [0x84, ...new Array<number>(20).fill(0x80)]],
    ['a bigint of 255 words', [0x87, 0xff, ...new Array<number>(16).fill(1)]],
    ['an unknown tag', [0xff]],
    ['a depth bomb of arrays', new Array<number>(100_000).fill(0x61)],
    [
      'a depth bomb of objects',
      new Array<number>(90_000).fill(0).map((_, i) => [0x71, 0x01, 0x61][i % 3] as number),
    ],
    ['a byte after the value', [0x80, 0x80]],
    ['overlong UTF-8', [0x42, 0xc0, 0x80]],
    ['a code point above U+10FFFF', [0x44, 0xf4, 0x90, 0x80, 0x80]],
    ['UTF-8 that ends early', [0x41, 0xe2]],
    ['a bad continuation', [0x43, 0xe2, 0x41, 0x41]],
    ['long text that is not UTF-8', [0x89, 100, ...new Array<number>(100).fill(0xff)]],
  ])('E4: refuses %s', (_, bytes) => {
    expect(refusal(() => decodeValue(Uint8Array.from(bytes))).code).toBe('FRAME_MALFORMED');
  });

  it('E5: decodes bytes as views of the frame', () => {
    const frame = encodeToBytes({ a: new Uint8Array([1, 2, 3]) });
    const back = decodeValue(frame) as { a: Uint8Array };
    expect(back.a.buffer).toBe(frame.buffer);
  });

  it('E6: keeps __proto__ and constructor as plain fields', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}}}') as object;
    const back = decodeValue(encodeToBytes(hostile)) as Record<string, unknown>;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(back['admin']).toBeUndefined();
    expect(Object.hasOwn(back, '__proto__')).toBe(true);
    expect(Object.hasOwn(back, 'constructor')).toBe(true);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('interns field names that collide in the cache without mixing them up', () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 5000; i++) {
        const value = { [`field-${i}`]: i };
        expect(decodeValue(encodeToBytes(value))).toEqual(value);
      }
    }
  });
});

/** The same value as it is allowed to come back: no null prototypes. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const fields: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    Object.defineProperty(fields, key, {
      value: plain(field),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return fields;
}

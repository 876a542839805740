import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoomError } from '../../src/ports/loom-error.ts';
import type { DurableChange } from '../../src/registry/embedded/change.ts';
import { decodeChanges, encodeChanges } from '../../src/registry/embedded/change-codec.ts';

const key = fc.string({ unit: 'grapheme', maxLength: 40 });
const natural = fc.maxSafeNat();
const change: fc.Arbitrary<DurableChange> = fc.oneof(
  fc.record({
    kind: fc.constant('counters'),
    generation: natural,
    starts: natural,
    index: natural,
    revision: natural,
  }),
  fc.record({ kind: fc.constant('number'), index: natural }),
  fc.record({ kind: fc.constant('token'), key, token: natural, node: key }),
  fc.record({
    kind: fc.constant('value-set'),
    key,
    revision: natural,
    value: fc.uint8Array({ maxLength: 300 }),
  }),
  fc.record({ kind: fc.constant('value-deleted'), key, revision: natural }),
);

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'no error';
  } catch (thrown) {
    return thrown instanceof LoomError ? thrown.code : `not a LoomError: ${String(thrown)}`;
  }
}

describe('change codec', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        expect(decodeChanges(encodeChanges(changes))).toEqual(changes);
      }),
    );
  });

  it('decodes a body that lies inside a larger buffer, and keeps values when that buffer is used again', () => {
    const changes: DurableChange[] = [
      { kind: 'value-set', key: 'k', revision: 3, value: Uint8Array.of(1, 2, 3) },
    ];
    const body = encodeChanges(changes);
    const larger = new Uint8Array(body.length + 14);
    larger.set(body, 7);
    const decoded = decodeChanges(larger.subarray(7, 7 + body.length));
    larger.fill(0);
    expect(decoded).toEqual(changes);
  });

  it('refuses a body that is cut at any byte, unless the cut falls between two changes', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const body = encodeChanges(changes);
        for (let length = 0; length < body.length; length++) {
          const cut = body.subarray(0, length);
          const outcome = codeOf(() => expect(decodeChanges(cut).length).toBeLessThan(changes.length));
          expect(['JOURNAL_CORRUPT', 'no error']).toContain(outcome);
        }
      }),
    );
  });

  it('answers random bytes with a coded error or with changes, never with anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const body = Uint8Array.of(1, ...bytes);
        expect(['JOURNAL_CORRUPT', 'no error']).toContain(codeOf(() => decodeChanges(body)));
      }),
    );
  });

  it('refuses a version and a kind that it does not know', () => {
    expect(codeOf(() => decodeChanges(Uint8Array.of(2)))).toBe('JOURNAL_CORRUPT');
    expect(codeOf(() => decodeChanges(Uint8Array.of(1, 99)))).toBe('JOURNAL_CORRUPT');
    expect(codeOf(() => decodeChanges(new Uint8Array(0)))).toBe('JOURNAL_CORRUPT');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { ByteWriter } from '../../../src/runtime/wire/byte-writer.ts';
import { encodeEnvelope } from '../../../src/runtime/wire/envelope.ts';
import { decodeEnvelope } from '../../../src/runtime/wire/envelope-decode.ts';
import type { WireEnvelope } from '../../../src/runtime/wire/wire-envelope.ts';
import { anyEnvelope } from './any-envelope.ts';

function encode(envelope: WireEnvelope): Uint8Array {
  const writer = new ByteWriter(16);
  encodeEnvelope(envelope, writer);
  return writer.copy();
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof LoomError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

const tell: WireEnvelope = {
  kind: 'tell',
  target: { kind: 'actor', uid: 7 },
  tellId: 1,
  protocol: 'p',
  message: 'm',
  body: new Uint8Array([1]),
};

describe('the envelope codec', () => {
  it('gives back every kind of envelope', () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        expect(decodeEnvelope(encode(envelope))).toStrictEqual(envelope);
      }),
      { numRuns: 1000 },
    );
  });

  it('has a fixed form: a change of it is a change of the version', () => {
    const ask: WireEnvelope = {
      kind: 'ask',
      target: { kind: 'virtual', type: 'job', key: 'a', token: 300 },
      correlation: 5,
      remainingMs: 1000.2,
      trace: { traceId: '0123456789abcdef0123456789abcdef', spanId: '0011223344556677', sampled: true },
      chain: ['/x'],
      protocol: 'p',
      message: 'm',
      body: new Uint8Array([9, 8]),
    };
    expect(Buffer.from(encode(ask)).toString('hex')).toBe(
      ['0103', '0123456789abcdef0123456789abcdef', '0011223344556677']
        .concat(['02', '036a6f62', '0161', 'ac02', '05', 'e907', '01022f78', '0170', '016d', '020908'])
        .join(''),
    );
    expect(Buffer.from(encode(tell)).toString('hex')).toBe('020000070101700' + '16d0101');
  });

  it('decodes bodies as views', () => {
    const bytes = encode(tell);
    const back = decodeEnvelope(bytes);
    expect(back.kind === 'tell' && back.body.buffer === bytes.buffer).toBe(true);
  });

  it('refuses every truncation', () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        const bytes = encode(envelope);
        for (let size = 0; size < bytes.length; size++) {
          expect(codeOf(() => decodeEnvelope(bytes.subarray(0, size)))).toBe('FRAME_MALFORMED');
        }
      }),
      { numRuns: 200 },
    );
  });

  it('answers random and damaged bytes with an envelope or FRAME_MALFORMED', () => {
    const allowed = ['none', 'FRAME_MALFORMED'];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(allowed).toContain(codeOf(() => decodeEnvelope(bytes)));
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(anyEnvelope, fc.nat(), fc.integer({ min: 0, max: 255 }), (envelope, at, byte) => {
        const bytes = encode(envelope);
        bytes[at % bytes.length] = byte;
        expect(allowed).toContain(codeOf(() => decodeEnvelope(bytes)));
      }),
      { numRuns: 2000 },
    );
  });

  it('W1: skips extension fields and flag bits of a newer minor version', () => {
    fc.assert(
      fc.property(
        anyEnvelope,
        fc.uint8Array({ maxLength: 50 }),
        fc.integer({ min: 0, max: 15 }),
        (envelope, extension, newFlags) => {
          const known = encode(envelope);
          const future = new Uint8Array(known.length + extension.length);
          future.set(known);
          future.set(extension, known.length);
          future[1] = (known[1] as number) | (newFlags << 4);
          expect(decodeEnvelope(future)).toStrictEqual(envelope);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('W2: reports a kind that only a newer version knows', () => {
    for (const kindNumber of [0, 15, 200, 255]) {
      const bytes = Uint8Array.from([kindNumber, 0, 1, 2, 3]);
      expect(decodeEnvelope(bytes)).toEqual({ kind: 'unknown', kindNumber });
    }
  });

  it.each<[string, WireEnvelope]>([
    ['a negative id', { ...tell, tellId: -1 }],
    ['a fraction', { ...tell, tellId: 1.5 }],
    ['an id above 2^53 - 1', { ...tell, tellId: 2 ** 53 }],
    ['no time left', { ...tell, remainingMs: 0 }],
    ['NaN of time', { ...tell, remainingMs: Number.NaN }],
    ['more than 2^31 ms', { ...tell, remainingMs: 2 ** 31 + 1 }],
    ['a short trace id', { ...tell, trace: { traceId: 'ab', spanId: '0011223344556677', sampled: false } }],
    [
      'upper-case hex',
      { ...tell, trace: { traceId: 'A'.repeat(32), spanId: '0'.repeat(16), sampled: false } },
    ],
  ])('refuses %s at the sender and writes nothing', (_, envelope) => {
    const writer = new ByteWriter(4);
    writer.uint8(1);
    expect(codeOf(() => encodeEnvelope(envelope, writer))).toBe('INVALID_MESSAGE');
    expect(writer.length).toBe(1);
  });

  it('refuses a call chain of 17', () => {
    const { body, message, protocol, target } = tell;
    const chain = new Array<string>(17).fill('/a');
    const ask: WireEnvelope = {
      kind: 'ask',
      target,
      correlation: 1,
      remainingMs: 1,
      chain,
      protocol,
      message,
      body,
    };
    expect(codeOf(() => encode(ask))).toBe('INVALID_MESSAGE');
  });

  it('rounds the remaining time up, so that no call arrives without any', () => {
    const back = decodeEnvelope(encode({ ...tell, remainingMs: 0.001 }));
    expect(back.kind === 'tell' && back.remainingMs).toBe(1);
  });
});

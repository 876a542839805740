import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import {
  controlFrame,
  type FrameHead,
  frameHeaderBytes,
  parseFrame,
  writeHeader,
} from '../../../src/runtime/link/frame.ts';

const count = fc.maxSafeInteger().map(Math.abs);
const anyHead: fc.Arbitrary<FrameHead> = fc.record({
  kind: fc.constantFrom('hello', 'hello-answer', 'ack', 'bye'),
  senderEpoch: count,
  receiverEpoch: count,
  linkEpoch: count,
  firstSequence: count,
  acknowledged: count,
  creditLimit: count,
  count: fc.constant(0),
  answer: fc.record({ linkEpoch: count, sequence: count }, { noNullPrototype: true }),
});

const data: FrameHead = {
  kind: 'data',
  senderEpoch: 1,
  receiverEpoch: 2,
  linkEpoch: 3,
  firstSequence: 4,
  acknowledged: 5,
  creditLimit: 6,
  count: 2,
  answer: { linkEpoch: 0, sequence: 0 },
};

/** A data frame of two envelopes of 1 and 2 bytes. */
function dataFrame(head: Partial<FrameHead> = {}): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes + 9);
  bytes.set([1, 0, 0, 0xaa, 2, 0, 0, 0xbb, 0xcc], frameHeaderBytes);
  writeHeader(bytes, { ...data, ...head });
  return bytes;
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

describe('the frame of a link', () => {
  it('gives back every header', () => {
    fc.assert(
      fc.property(anyHead, (head) => {
        const hello = head.kind === 'hello' || head.kind === 'hello-answer';
        const answer = hello ? head.answer : { linkEpoch: 0, sequence: 0 };
        expect(parseFrame(controlFrame(head))).toMatchObject({ ...head, answer });
      }),
      { numRuns: 300 },
    );
  });

  it('has a fixed form: a change of it is a change of the version', () => {
    expect(Buffer.from(dataFrame()).toString('hex')).toBe(
      ['01000338', '0100000000000000', '0200000000000000', '0300000000000000', '0400000000000000']
        .concat(['0500000000000000', '0600000000000000', '02000000', '010000aa', '020000bbcc'])
        .join(''),
    );
  });

  it('refuses every truncation', () => {
    const frames = [
      dataFrame(),
      controlFrame({ ...data, kind: 'hello' }),
      controlFrame({ ...data, kind: 'ack' }),
    ];
    for (const frame of frames) {
      for (let size = 0; size < frame.length; size++) {
        expect(codeOf(() => parseFrame(frame.slice(0, size)))).toBe('FRAME_MALFORMED');
      }
    }
  });

  it('answers random and damaged bytes with a frame or a coded error', () => {
    const allowed = ['none', 'FRAME_MALFORMED', 'WIRE_VERSION'];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, versioned) => {
        if (versioned && bytes.length > 3) bytes.set([1, 0, (bytes[2] as number) % 7, 56]);
        expect(allowed).toContain(codeOf(() => parseFrame(bytes)));
      }),
      { numRuns: 3000 },
    );
    for (let at = 0; at < 65; at++) {
      for (const byte of [0, 1, 2, 127, 128, 255]) {
        const frame = dataFrame();
        frame[at] = byte;
        expect(allowed).toContain(codeOf(() => parseFrame(frame)));
      }
    }
  });

  it('F1: finds the batch behind a longer header of a newer minor version', () => {
    const known = dataFrame();
    const future = new Uint8Array(known.length + 5);
    future.set(known.subarray(0, frameHeaderBytes));
    future.set(known.subarray(frameHeaderBytes), frameHeaderBytes + 5);
    future[1] = 9;
    future[3] = frameHeaderBytes + 5;
    expect(parseFrame(future)).toMatchObject({ kind: 'data', count: 2, batchStart: frameHeaderBytes + 5 });
  });

  it('F1: calls a kind that it does not know unknown', () => {
    const future = controlFrame({ ...data, kind: 'ack', count: 0 });
    future[2] = 77;
    expect(parseFrame(future).kind).toBe('unknown');
  });

  it('F2: refuses a newer major version', () => {
    const future = dataFrame();
    future[0] = 2;
    expect(codeOf(() => parseFrame(future))).toBe('WIRE_VERSION');
    expect(codeOf(() => parseFrame(Uint8Array.from([2])))).toBe('WIRE_VERSION');
    future[0] = 0;
    expect(codeOf(() => parseFrame(future))).toBe('FRAME_MALFORMED');
  });

  it.each<[string, Partial<FrameHead>]>([
    ['no envelopes', { count: 0 }],
    ['fewer than it says', { count: 3 }],
    ['more than it says', { count: 1 }],
    ['an absurd count', { count: 0xffff_ffff }],
    ['sequence 0', { firstSequence: 0 }],
    ['a sequence at the end of numbers', { firstSequence: Number.MAX_SAFE_INTEGER }],
  ])('F3: refuses a batch of %s', (_, head) => {
    expect(codeOf(() => parseFrame(dataFrame(head)))).toBe('FRAME_MALFORMED');
  });

  it('F3: refuses an envelope that is longer than the frame', () => {
    const frame = dataFrame();
    frame[frameHeaderBytes + 4] = 200;
    expect(codeOf(() => parseFrame(frame))).toBe('FRAME_MALFORMED');
  });

  it('refuses a number above 2^53 - 1', () => {
    const frame = dataFrame();
    frame.fill(0xff, 4, 12);
    expect(codeOf(() => parseFrame(frame))).toBe('FRAME_MALFORMED');
  });
});

import { LoomError } from '../../ports/loom-error.ts';

/**
 * The frame of a link: a header of fixed width, then a batch of envelopes, each with its length in 3 bytes.
 *
 *   0 major version   1 minor version   2 kind   3 header size      4 sender epoch     12 receiver epoch
 *  20 link epoch     28 first sequence 36 cumulative acknowledgement 44 credit limit   52 count of envelopes (u32)
 *  56 (hello, hello answer) epoch and 64 last sequence received in it
 *
 * Numbers are little-endian; epochs and sequences take 8 bytes and stay within 2^53 - 1.
 *
 * F1. A newer minor version may make the header longer: the header size says where the batch begins.
 * F2. A frame of a newer major version is not read at all (WIRE_VERSION).
 * F3. The batch of a data frame is exactly its envelopes: lengths are checked before any is delivered.
 */
export interface Frame {
  readonly kind: FrameKind;
  readonly senderEpoch: number;
  /** The epoch of the receiver that the sender believes in; 0 when it knows none (hello alone). */
  readonly receiverEpoch: number;
  readonly linkEpoch: number;
  readonly firstSequence: number;
  readonly acknowledged: number;
  readonly creditLimit: number;
  readonly count: number;
  /** In hello and its answer: the last link epoch in which the sender received items, and the last of them. */
  readonly answer: LastReceived;
  readonly bytes: Uint8Array;
  readonly batchStart: number;
}

export type FrameKind = 'hello' | 'hello-answer' | 'data' | 'ack' | 'bye' | 'unknown';

export interface LastReceived {
  readonly linkEpoch: number;
  readonly sequence: number;
}

export const nothingReceived: LastReceived = Object.freeze({ linkEpoch: 0, sequence: 0 });

export type FrameHead = Omit<Frame, 'bytes' | 'batchStart'>;

const frameMajor = 1;
const frameMinor = 0;
export const frameHeaderBytes = 56;
const helloHeaderBytes = 72;
export const envelopeLengthBytes = 3;

const kindNumbers: readonly FrameKind[] = ['unknown', 'hello', 'hello-answer', 'data', 'ack', 'bye'];

/** Writes the header into the first bytes of `bytes`, whose batch (if any) stands behind it already. */
export function writeHeader(bytes: Uint8Array, head: FrameHead): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = head.kind === 'hello' || head.kind === 'hello-answer' ? helloHeaderBytes : frameHeaderBytes;
  bytes[0] = frameMajor;
  bytes[1] = frameMinor;
  bytes[2] = kindNumbers.indexOf(head.kind);
  bytes[3] = size;
  setCount(view, 4, head.senderEpoch);
  setCount(view, 12, head.receiverEpoch);
  setCount(view, 20, head.linkEpoch);
  setCount(view, 28, head.firstSequence);
  setCount(view, 36, head.acknowledged);
  setCount(view, 44, head.creditLimit);
  view.setUint32(52, head.count, true);
  if (size === frameHeaderBytes) return;
  setCount(view, 56, head.answer.linkEpoch);
  setCount(view, 64, head.answer.sequence);
}

/** A frame without a batch: hello, its answer, ack or bye. */
export function controlFrame(head: FrameHead): Uint8Array {
  const hello = head.kind === 'hello' || head.kind === 'hello-answer';
  const bytes = new Uint8Array(hello ? helloHeaderBytes : frameHeaderBytes);
  writeHeader(bytes, head);
  return bytes;
}

/** WIRE_VERSION for a newer major version, FRAME_MALFORMED for bytes that are no frame. */
export function parseFrame(bytes: Uint8Array): Frame {
  const major = bytes[0];
  if (major !== undefined && major > frameMajor) {
    throw new LoomError('WIRE_VERSION', `the frame is of version ${major}`, { details: { major } });
  }
  const batchStart = bytes[3];
  if (major !== frameMajor || batchStart === undefined || batchStart > bytes.length) throw malformed();
  const kind = kindNumbers[bytes[2] as number] ?? 'unknown';
  const hello = kind === 'hello' || kind === 'hello-answer';
  if (batchStart < (hello ? helloHeaderBytes : frameHeaderBytes)) throw malformed();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frame: Frame = {
    kind,
    senderEpoch: getCount(view, 4),
    receiverEpoch: getCount(view, 12),
    linkEpoch: getCount(view, 20),
    firstSequence: getCount(view, 28),
    acknowledged: getCount(view, 36),
    creditLimit: getCount(view, 44),
    count: view.getUint32(52, true),
    answer: hello ? { linkEpoch: getCount(view, 56), sequence: getCount(view, 64) } : nothingReceived,
    bytes,
    batchStart,
  };
  if (kind === 'data') checkBatch(frame);
  return frame;
}

/** The length of the envelope whose prefix stands at `at`. */
export function envelopeLength(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}

function checkBatch(frame: Frame): void {
  const { bytes, count } = frame;
  if (count === 0 || frame.firstSequence === 0) throw malformed();
  if (count > (bytes.length - frame.batchStart) / envelopeLengthBytes) throw malformed();
  if (frame.firstSequence + count > Number.MAX_SAFE_INTEGER) throw malformed();
  let at = frame.batchStart;
  for (let i = 0; i < count; i++) {
    if (at + envelopeLengthBytes > bytes.length) throw malformed();
    at += envelopeLengthBytes + envelopeLength(bytes, at);
  }
  if (at !== bytes.length) throw malformed();
}

function setCount(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

function getCount(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  if (high > 0x1f_ffff) throw malformed();
  return high * 0x1_0000_0000 + view.getUint32(at, true);
}

function malformed(): LoomError {
  return new LoomError('FRAME_MALFORMED', 'the frame of a link does not decode');
}

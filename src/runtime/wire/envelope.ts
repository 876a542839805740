import { LoomError } from '../../ports/loom-error.ts';
import type { ByteWriter } from './byte-writer.ts';
import * as kinds from './envelope-kinds.ts';
import {
  maxChainLength,
  maxRemainingMs,
  type WireCompletion,
  type WireEnvelope,
  type WireOutcome,
  type WireTarget,
  type WireTrace,
} from './wire-envelope.ts';

/**
 * Envelopes as bytes: the writing half (`envelope-decode.ts` reads them).
 *
 * W1. An envelope is: kind, flags, trace if flagged, the fields of its kind in the order below, then the extension
 *     area, which this version leaves empty. Whoever holds it knows its length, so a reader of this version skips
 *     what a newer one put into the area, and flag bits that it does not know.
 * W2. A kind that this version does not know is skipped and reported, and what follows it is read.
 * W3. The major version is the frame's business (`link/frame.ts`): it changes when W1 or W2 no longer hold.
 *
 * INVALID_MESSAGE when a field is out of its range; what was written before the call then stands alone again.
 */
export function encodeEnvelope(envelope: WireEnvelope, writer: ByteWriter): void {
  const start = writer.length;
  try {
    write(envelope, writer);
  } catch (thrown) {
    writer.truncate(start);
    throw thrown;
  }
}

function write(envelope: WireEnvelope, writer: ByteWriter): void {
  switch (envelope.kind) {
    case 'ask': {
      if (envelope.chain.length > maxChainLength)
        throw invalid('chain', `has more than ${maxChainLength} steps`);
      writeHead(writer, kinds.kindAsk, 0, envelope.trace);
      writeTarget(writer, envelope.target);
      writeCount(writer, envelope.correlation, 'correlation');
      writeRemaining(writer, envelope.remainingMs);
      writer.varuint(envelope.chain.length);
      for (const address of envelope.chain) writer.string(address);
      writer.string(envelope.protocol);
      writer.string(envelope.message);
      writer.blob(envelope.body);
      return;
    }
    case 'tell': {
      const remainingMs = envelope.remainingMs;
      writeHead(writer, kinds.kindTell, remainingMs === undefined ? 0 : kinds.flagRemaining, envelope.trace);
      writeTarget(writer, envelope.target);
      writeCount(writer, envelope.tellId, 'tellId');
      if (remainingMs !== undefined) writeRemaining(writer, remainingMs);
      writer.string(envelope.protocol);
      writer.string(envelope.message);
      writer.blob(envelope.body);
      return;
    }
    case 'reply':
      writeHead(writer, kinds.kindReply, envelope.outcome.ok ? 0 : kinds.flagFailed, undefined);
      writeCount(writer, envelope.correlation, 'correlation');
      writeOutcome(writer, envelope.outcome);
      return;
    case 'refusal':
      writeHead(writer, kinds.kindRefusal, 0, envelope.trace);
      writeCount(writer, envelope.tellId, 'tellId');
      writer.string(envelope.state);
      writer.string(envelope.code);
      writer.string(envelope.address);
      writer.string(envelope.protocol);
      writer.string(envelope.message);
      return;
    case 'cancel':
      writeHead(writer, kinds.kindCancel, 0, undefined);
      writeCount(writer, envelope.correlation, 'correlation');
      return;
    case 'subscribe':
      writeHead(writer, kinds.kindSubscribe, 0, envelope.trace);
      writeTarget(writer, envelope.target);
      writeCount(writer, envelope.correlation, 'correlation');
      writeCount(writer, envelope.credits, 'credits');
      writeCount(writer, envelope.fromSequence, 'fromSequence');
      writer.string(envelope.protocol);
      writer.string(envelope.message);
      writer.blob(envelope.body);
      return;
    case 'credit':
      writeHead(writer, kinds.kindCredit, 0, undefined);
      writeCount(writer, envelope.correlation, 'correlation');
      writeCount(writer, envelope.credits, 'credits');
      return;
    case 'item':
      writeHead(writer, kinds.kindItem, 0, undefined);
      writeCount(writer, envelope.correlation, 'correlation');
      writeCount(writer, envelope.sequence, 'sequence');
      writer.blob(envelope.body);
      return;
    case 'end':
      writeHead(writer, kinds.kindEnd, envelope.outcome.ok ? 0 : kinds.flagFailed, undefined);
      writeCount(writer, envelope.correlation, 'correlation');
      writeOutcome(writer, envelope.outcome);
      return;
    case 'watch':
      writeHead(writer, kinds.kindWatch, 0, undefined);
      writeTarget(writer, envelope.target);
      writeCount(writer, envelope.watchId, 'watchId');
      return;
    case 'unwatch':
      writeHead(writer, kinds.kindUnwatch, 0, undefined);
      writeTarget(writer, envelope.target);
      writeCount(writer, envelope.watchId, 'watchId');
      return;
    case 'terminated':
      writeHead(writer, kinds.kindTerminated, 0, undefined);
      writeCount(writer, envelope.watchId, 'watchId');
      writeCount(writer, envelope.incarnation, 'incarnation');
      writer.string(envelope.reason);
      return;
    case 'ping':
    case 'pong':
      writeHead(writer, envelope.kind === 'ping' ? kinds.kindPing : kinds.kindPong, 0, undefined);
      writeCount(writer, envelope.nonce, 'nonce');
      return;
  }
}

function writeHead(writer: ByteWriter, kind: number, flags: number, trace: WireTrace | undefined): void {
  writer.uint8(kind);
  if (trace === undefined) {
    writer.uint8(flags);
    return;
  }
  writer.uint8(flags | kinds.flagTrace | (trace.sampled ? kinds.flagSampled : 0));
  writeHex(writer, trace.traceId, kinds.traceIdBytes, 'trace.traceId');
  writeHex(writer, trace.spanId, kinds.spanIdBytes, 'trace.spanId');
}

function writeTarget(writer: ByteWriter, target: WireTarget): void {
  switch (target.kind) {
    case 'actor':
      writer.uint8(kinds.targetActor);
      writeCount(writer, target.uid, 'target.uid');
      return;
    case 'named':
      writer.uint8(kinds.targetNamed);
      writer.string(target.path);
      return;
    case 'virtual':
      writer.uint8(kinds.targetVirtual);
      writer.string(target.type);
      writer.string(target.key);
      writeCount(writer, target.token, 'target.token');
      return;
  }
}

function writeOutcome(writer: ByteWriter, outcome: WireOutcome | WireCompletion): void {
  if (!outcome.ok) {
    writer.string(outcome.code);
    writer.string(outcome.detail);
  } else if ('body' in outcome) {
    writer.blob(outcome.body);
  }
}

function writeCount(writer: ByteWriter, value: number, field: string): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw invalid(field, 'is not a whole number from 0 to 2^53 - 1');
  writer.varuint(value);
}

function writeRemaining(writer: ByteWriter, remainingMs: number): void {
  const ms = Math.ceil(remainingMs);
  if (!(ms > 0 && ms <= maxRemainingMs)) throw invalid('remainingMs', 'is not above 0 and at most 2^31');
  writer.varuint(ms);
}

function writeHex(writer: ByteWriter, text: string, bytes: number, field: string): void {
  if (text.length !== bytes * 2) throw invalid(field, `is not ${bytes * 2} hex digits`);
  for (let i = 0; i < text.length; i += 2) {
    const high = hexDigit(text.charCodeAt(i));
    const low = hexDigit(text.charCodeAt(i + 1));
    if (high < 0 || low < 0) throw invalid(field, `is not ${bytes * 2} lower-case hex digits`);
    writer.uint8(high * 16 + low);
  }
}

function hexDigit(unit: number): number {
  if (unit >= 48 && unit <= 57) return unit - 48;
  return unit >= 97 && unit <= 102 ? unit - 87 : -1;
}

function invalid(field: string, what: string): LoomError {
  return new LoomError('INVALID_MESSAGE', `the envelope’s ${field} ${what}`, { details: { field } });
}

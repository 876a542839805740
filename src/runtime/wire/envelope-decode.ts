import { ByteReader, malformed } from './byte-reader.ts';
import * as kinds from './envelope-kinds.ts';
import {
  type DecodedEnvelope,
  maxChainLength,
  maxRemainingMs,
  type WireCompletion,
  type WireFailure,
  type WireOutcome,
  type WireTarget,
  type WireTrace,
} from './wire-envelope.ts';

/**
 * Bytes as envelopes: the reading half of `envelope.ts`. Bodies are views of `bytes`.
 * FRAME_MALFORMED for what no encoder writes; an unknown kind is an answer, not an error.
 */
export function decodeEnvelope(bytes: Uint8Array): DecodedEnvelope {
  return readEnvelope(new ByteReader(bytes));
}

/** The envelope that fills the rest of the reader. */
export function readEnvelope(reader: ByteReader): DecodedEnvelope {
  const kind = reader.uint8();
  const flags = reader.uint8();
  if (kind < kinds.kindAsk || kind > kinds.kindPong) return { kind: 'unknown', kindNumber: kind };
  const trace = (flags & kinds.flagTrace) === 0 ? undefined : readTrace(reader, flags);
  const failed = (flags & kinds.flagFailed) !== 0;
  switch (kind) {
    case kinds.kindAsk: {
      const target = readTarget(reader);
      const correlation = reader.varuint();
      const remainingMs = readRemaining(reader);
      const chain = readChain(reader);
      const protocol = reader.name();
      const message = reader.name();
      const body = reader.blob();
      const ask = { kind: 'ask', target, correlation, remainingMs, chain, protocol, message, body } as const;
      return trace === undefined ? ask : { ...ask, trace };
    }
    case kinds.kindTell: {
      const target = readTarget(reader);
      const tellId = reader.varuint();
      const remainingMs = (flags & kinds.flagRemaining) === 0 ? undefined : readRemaining(reader);
      const protocol = reader.name();
      const message = reader.name();
      const body = reader.blob();
      const tell = { kind: 'tell', target, tellId, protocol, message, body } as const;
      const timed = remainingMs === undefined ? tell : { ...tell, remainingMs };
      return trace === undefined ? timed : { ...timed, trace };
    }
    case kinds.kindReply:
      return { kind: 'reply', correlation: reader.varuint(), outcome: readOutcome(reader, failed) };
    case kinds.kindRefusal: {
      const tellId = reader.varuint();
      const state = reader.name();
      const code = reader.name();
      const address = reader.string();
      const protocol = reader.name();
      const message = reader.name();
      const refusal = { kind: 'refusal', tellId, state, code, address, protocol, message } as const;
      return trace === undefined ? refusal : { ...refusal, trace };
    }
    case kinds.kindCancel:
      return { kind: 'cancel', correlation: reader.varuint() };
    case kinds.kindSubscribe: {
      const target = readTarget(reader);
      const correlation = reader.varuint();
      const credits = reader.varuint();
      const fromSequence = reader.varuint();
      const protocol = reader.name();
      const message = reader.name();
      const body = reader.blob();
      const head = { kind: 'subscribe', target, correlation, credits, fromSequence } as const;
      return trace === undefined
        ? { ...head, protocol, message, body }
        : { ...head, protocol, message, body, trace };
    }
    case kinds.kindCredit:
      return { kind: 'credit', correlation: reader.varuint(), credits: reader.varuint() };
    case kinds.kindItem:
      return { kind: 'item', correlation: reader.varuint(), sequence: reader.varuint(), body: reader.blob() };
    case kinds.kindEnd:
      return { kind: 'end', correlation: reader.varuint(), outcome: readCompletion(reader, failed) };
    case kinds.kindWatch:
      return { kind: 'watch', target: readTarget(reader), watchId: reader.varuint() };
    case kinds.kindUnwatch:
      return { kind: 'unwatch', target: readTarget(reader), watchId: reader.varuint() };
    case kinds.kindTerminated: {
      const watchId = reader.varuint();
      return { kind: 'terminated', watchId, incarnation: reader.varuint(), reason: reader.string() };
    }
    case kinds.kindPing:
      return { kind: 'ping', nonce: reader.varuint() };
    default:
      return { kind: 'pong', nonce: reader.varuint() };
  }
}

function readTarget(reader: ByteReader): WireTarget {
  const kind = reader.uint8();
  switch (kind) {
    case kinds.targetActor:
      return { kind: 'actor', uid: reader.varuint() };
    case kinds.targetNamed:
      return { kind: 'named', path: reader.name() };
    case kinds.targetVirtual: {
      const type = reader.name();
      return { kind: 'virtual', type, key: reader.string(), token: reader.varuint() };
    }
    default:
      throw malformed('a target is of an unknown kind');
  }
}

function readRemaining(reader: ByteReader): number {
  const remainingMs = reader.varuint();
  if (remainingMs < 1 || remainingMs > maxRemainingMs) throw malformed('a remaining time is out of range');
  return remainingMs;
}

function readChain(reader: ByteReader): readonly string[] {
  const count = reader.varuint();
  if (count === 0) return noChain;
  if (count > maxChainLength) throw malformed('a call chain is too long');
  const chain: string[] = [];
  for (let i = 0; i < count; i++) chain.push(reader.string());
  return chain;
}

function readOutcome(reader: ByteReader, failed: boolean): WireOutcome {
  return failed ? readFailure(reader) : { ok: true, body: reader.blob() };
}

function readCompletion(reader: ByteReader, failed: boolean): WireCompletion {
  return failed ? readFailure(reader) : { ok: true };
}

function readFailure(reader: ByteReader): WireFailure {
  return { ok: false, code: reader.name(), detail: reader.string() };
}

function readTrace(reader: ByteReader, flags: number): WireTrace {
  const traceId = readHex(reader, kinds.traceIdBytes);
  const spanId = readHex(reader, kinds.spanIdBytes);
  return { traceId, spanId, sampled: (flags & kinds.flagSampled) !== 0 };
}

function readHex(reader: ByteReader, bytes: number): string {
  let text = '';
  for (let i = 0; i < bytes; i++) text += hexPairs[reader.uint8()] as string;
  return text;
}

const noChain: readonly string[] = Object.freeze([]);
const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

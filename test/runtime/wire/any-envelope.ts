import fc from 'fast-check';
import type { WireEnvelope } from '../../../src/runtime/wire/wire-envelope.ts';

const count = fc.maxSafeInteger().map(Math.abs);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const body = fc.uint8Array({ maxLength: 60 });
const remainingMs = fc.integer({ min: 1, max: 2 ** 31 });

/** Records with Object.prototype, as decoders make them. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true });
}

function hex(digits: number): fc.Arbitrary<string> {
  const digit = fc.constantFrom(...'0123456789abcdef');
  return fc.array(digit, { minLength: digits, maxLength: digits }).map((all) => all.join(''));
}

const trace = record({ traceId: hex(32), spanId: hex(16), sampled: fc.boolean() });

const target = fc.oneof(
  record({ kind: fc.constant('actor' as const), uid: count }),
  record({ kind: fc.constant('named' as const), path: text }),
  record({ kind: fc.constant('virtual' as const), type: text, key: text, token: count }),
);

const failure = record({ ok: fc.constant(false as const), code: text, detail: text });
const outcome = fc.oneof(record({ ok: fc.constant(true as const), body }), failure);
const completion = fc.oneof(record({ ok: fc.constant(true as const) }), failure);
const chain = fc.array(text, { maxLength: 16 });
const call = { target, protocol: text, message: text, body };

function kind<K extends string>(name: K): fc.Arbitrary<K> {
  return fc.constant(name);
}

/** Optional fields are absent or present, never undefined. */
const optionalTrace = fc.option(trace, { nil: undefined });

const ask = record({ kind: kind('ask'), ...call, correlation: count, remainingMs, chain });
const tell = record({ kind: kind('tell'), ...call, tellId: count });
const refusal = record({
  kind: kind('refusal'),
  tellId: count,
  state: text,
  code: text,
  address: text,
  protocol: text,
  message: text,
});
const subscribe = record({
  kind: kind('subscribe'),
  ...call,
  correlation: count,
  credits: count,
  fromSequence: count,
});

export const anyEnvelope: fc.Arbitrary<WireEnvelope> = fc.oneof(
  fc
    .tuple(fc.oneof(ask, tell, subscribe, refusal), optionalTrace)
    .map(([envelope, its]) => (its === undefined ? envelope : { ...envelope, trace: its })),
  fc.tuple(tell, remainingMs).map(([envelope, its]) => ({ ...envelope, remainingMs: its })),
  record({ kind: kind('reply'), correlation: count, outcome }),
  record({ kind: kind('cancel'), correlation: count }),
  record({ kind: kind('credit'), correlation: count, credits: count }),
  record({ kind: kind('item'), correlation: count, sequence: count, body }),
  record({ kind: kind('end'), correlation: count, outcome: completion }),
  record({ kind: kind('watch'), target, watchId: count }),
  record({ kind: kind('unwatch'), target, watchId: count }),
  record({ kind: kind('terminated'), watchId: count, incarnation: count, reason: text }),
  record({ kind: kind('ping'), nonce: count }),
  record({ kind: kind('pong'), nonce: count }),
);

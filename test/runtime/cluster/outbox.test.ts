import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { Lane, OfferOutcome, OutgoingItem } from '../../../src/runtime/link/link-host.ts';
import { Outbox } from '../../../src/runtime/outbox.ts';
import type { WireEnvelope } from '../../../src/runtime/wire/wire-envelope.ts';

/** A link with room for so many items. */
class FewPlaces {
  room = 0;
  down = false;
  readonly taken: WireEnvelope[] = [];

  offer({ envelope }: OutgoingItem): OfferOutcome {
    if (this.down) return 'down';
    if (envelope.kind === 'reply' && envelope.outcome.ok && envelope.outcome.body.length > 1000)
      throw new LoomError('FRAME_TOO_LARGE', 'too large');
    if (this.room === 0) return 'full';
    this.room--;
    this.taken.push(envelope);
    return 'accepted';
  }
}

function filled(): { link: FewPlaces; outbox: Outbox; overflows: () => number } {
  const link = new FewPlaces();
  let overflows = 0;
  const outbox = new Outbox(link, () => {
    overflows++;
  });
  return { link, outbox, overflows: () => overflows };
}

const reply = (correlation: number, bytes = 1): WireEnvelope => ({
  kind: 'reply',
  correlation,
  outcome: { ok: true, body: new Uint8Array(bytes) },
});
const numbers = (link: FewPlaces): number[] =>
  link.taken.map((envelope) => ('correlation' in envelope ? envelope.correlation : -1));

describe('the outbox of a link', () => {
  it('OB1: keeps what has no room, and everything of its lane behind it, in order', () => {
    const { link, outbox } = filled();
    const send = (lane: Lane, correlation: number): boolean => outbox.send(lane, reply(correlation));
    expect([send('system', 1), send('system', 2), send('user', 3)]).toEqual([true, true, true]);
    expect(outbox.count).toBe(3);
    link.room = 1;
    expect(send('system', 4)).toBe(true);
    expect(numbers(link)).toEqual([]);
    expect(outbox.trySend('system', reply(5))).toBe(false);
    outbox.retry();
    expect(numbers(link)).toEqual([1]);
    link.room = 9;
    outbox.retry();
    expect(numbers(link)).toEqual([1, 2, 4, 3]);
    expect(outbox.count).toBe(0);
    expect(outbox.trySend('user', reply(6))).toBe(true);
  });

  it('keeps no ping, and nothing for a link that is down or has ended', () => {
    const { link, outbox } = filled();
    outbox.send('system', { kind: 'ping', nonce: 1 });
    expect(outbox.count).toBe(0);
    outbox.send('system', reply(1));
    outbox.clear();
    link.room = 9;
    outbox.retry();
    expect(numbers(link)).toEqual([]);
    link.down = true;
    expect(outbox.send('system', reply(1))).toBe(false);
    expect(outbox.count).toBe(0);
  });

  it('OB2: is bounded by messages and by bytes', () => {
    const many = filled();
    for (let i = 0; i < 65_536; i++) many.outbox.send('system', { kind: 'cancel', correlation: i });
    expect([many.outbox.count, many.overflows()]).toEqual([65_536, 0]);
    many.outbox.send('system', { kind: 'cancel', correlation: 1 });
    expect([many.outbox.count, many.overflows()]).toEqual([0, 1]);
    const large = filled();
    let sent = 0;
    while (large.overflows() === 0) {
      large.outbox.send('system', reply(sent++, 900));
      expect(sent * 900).toBeLessThan(20 * 1024 * 1024);
    }
    expect(sent * 900).toBeGreaterThan(14 * 1024 * 1024);
  });

  it('OB3: sends word of a reply that can never be sent, in its place', () => {
    const { link, outbox } = filled();
    link.room = 2;
    outbox.send('system', reply(1, 2000));
    expect(link.taken).toMatchObject([
      { kind: 'reply', correlation: 1, outcome: { ok: false, code: 'FRAME_TOO_LARGE' } },
    ]);
    expect(outbox.send('system', { kind: 'cancel', correlation: 2 })).toBe(true);
  });
});

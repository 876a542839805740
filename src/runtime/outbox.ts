import { LoomError } from '../ports/loom-error.ts';
import type { Link } from './link/link.ts';
import type { Lane, OfferOutcome } from './link/link-host.ts';
import type { WireEnvelope, WireFailure } from './wire/wire-envelope.ts';

/**
 * What must reach the peer while its link is up, though there may be no room for it now: replies, ends, credits,
 * cancels, watches and what they answer.
 *
 * OB1. Order holds per lane: behind something that waits, everything of its lane waits.
 * OB2. Bounded: more than `maxMessages` or `maxBytes` waiting is told to `overflow`, which ends the link: a peer that
 *      takes no answers is told nothing any more, and whoever waits there hears UNKNOWN_OUTCOME.
 * OB3. A reply or end that can never be sent becomes one that says so.
 */
export class Outbox {
  readonly #link: Pick<Link, 'offer'>;
  readonly #overflow: () => void;
  readonly #waiting: Record<Lane, WireEnvelope[]> = { system: [], user: [] };
  #bytes = 0;

  constructor(link: Pick<Link, 'offer'>, overflow: () => void) {
    this.#link = link;
    this.#overflow = overflow;
  }

  get count(): number {
    return this.#waiting.system.length + this.#waiting.user.length;
  }

  /** False when the link is down: then nobody waits for it there. */
  send(lane: Lane, envelope: WireEnvelope): boolean {
    const waiting = this.#waiting[lane];
    const outcome = waiting.length > 0 ? 'full' : this.#offer(lane, envelope);
    if (outcome !== 'full') return outcome === 'accepted';
    // Pings measure the link as it is: they do not wait.
    if (envelope.kind === 'ping' || envelope.kind === 'pong') return true;
    waiting.push(envelope);
    this.#bytes += sizeOf(envelope);
    if (this.count > maxMessages || this.#bytes > maxBytes) {
      this.clear();
      this.#overflow();
    }
    return true;
  }

  /** Sends when there is room behind what waits, else keeps nothing. Throws what `Link.offer` throws. */
  trySend(lane: Lane, envelope: WireEnvelope): boolean {
    if (this.#waiting[lane].length > 0) return false;
    return this.#link.offer({ lane, kind: 'system', envelope, tag: 0 }) === 'accepted';
  }

  /** The link may have room again. */
  retry(): void {
    this.#retry('system');
    this.#retry('user');
  }

  /** The link epoch ended. */
  clear(): void {
    this.#waiting.system = [];
    this.#waiting.user = [];
    this.#bytes = 0;
  }

  #retry(lane: Lane): void {
    const waiting = this.#waiting[lane];
    let sent = 0;
    for (const envelope of waiting) {
      if (this.#offer(lane, envelope) !== 'accepted') break;
      this.#bytes -= sizeOf(envelope);
      sent++;
    }
    if (sent > 0) waiting.splice(0, sent);
  }

  #offer(lane: Lane, envelope: WireEnvelope): OfferOutcome {
    try {
      return this.#link.offer({ lane, kind: 'system', envelope, tag: 0 });
    } catch (thrown) {
      const instead = insteadOf(envelope, LoomError.from(thrown));
      // What nobody waits for is dropped: it was a record of something that is booked here.
      if (instead === undefined) return 'accepted';
      return this.#link.offer({ lane, kind: 'system', envelope: instead, tag: 0 });
    }
  }
}

const maxMessages = 65_536;
const maxBytes = 16 * 1024 * 1024;
const envelopeBytes = 64;

function sizeOf(envelope: WireEnvelope): number {
  if (envelope.kind === 'reply' && envelope.outcome.ok) return envelopeBytes + envelope.outcome.body.length;
  return envelopeBytes;
}

function insteadOf(envelope: WireEnvelope, error: LoomError): WireEnvelope | undefined {
  if (envelope.kind !== 'reply' && envelope.kind !== 'end') return undefined;
  return { ...envelope, outcome: wireFailure(error) };
}

/** A failure as another node is told of it. */
export function wireFailure(error: LoomError): WireFailure {
  return { ok: false, code: error.code, detail: error.message.slice(0, maxDetailLength) };
}

const maxDetailLength = 2000;

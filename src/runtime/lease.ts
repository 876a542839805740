/**
 * The arithmetic of leases at the holder, after Gray and Cheriton (1989): the registry may let an epoch go `ttlMs`
 * after the last renewal that it received, and it received that one no earlier than it was sent. So the holder counts
 * from the moment of sending, on its own monotonic clock, and stops a margin before.
 */
export interface LeaseTimes {
  readonly ttlMs: number;
  /** How often a renewal is sent. */
  readonly renewEveryMs: number;
  /** How soon one that failed is sent again. */
  readonly retryMs: number;
  /** For the holder's own slowness between seeing that it may still act and acting. */
  readonly marginMs: number;
}

/**
 * A renewal every sixth of the TTL, 500 ms for the embedded registry's 3 s. A tenth of the TTL is margin: after a
 * failure there is time for more renewals between the doubt and the end.
 */
export function leaseTimes(ttlMs: number): LeaseTimes {
  return { ttlMs, renewEveryMs: ttlMs / 6, retryMs: ttlMs / 30, marginMs: ttlMs / 10 };
}

/** Until when the holder may act, given when it sent the last renewal that was confirmed. Monotonic ms. */
export function holdsUntilMs(times: LeaseTimes, renewalSentMs: number): number {
  return renewalSentMs + times.ttlMs - times.marginMs;
}

import { describe, expect, it } from 'vitest';
import { linkOptions } from '../../../src/runtime/link/link-options.ts';
import { RoundTrip } from '../../../src/runtime/link/round-trip.ts';

describe('the options of a link', () => {
  it('shrink the reserves with the windows', () => {
    expect(linkOptions({ windowMessages: 64, windowBytes: 1024 * 1024 })).toMatchObject({
      reservedMessages: 8,
      reservedBytes: 256 * 1024,
    });
  });

  it.each([
    { windowMessages: 63 },
    { windowMessages: 100.5 },
    { maxFrameBytes: 512 * 1024 + 1 },
    { windowBytes: 1024 },
    { reservedMessages: 4096 },
    { retransmitMaxMs: 100 },
    { downAfterMs: Number.NaN },
  ])('refuse %o', (given) => {
    expect(() => linkOptions(given)).toThrow('INVALID_DEFINITION');
  });
});

describe('the round trip', () => {
  it('waits longer when answers take longer, doubles in vain and recovers', () => {
    const trip = new RoundTrip(200, 1000);
    expect([trip.smoothedMs, trip.timeoutMs]).toEqual([undefined, 200]);
    for (let i = 0; i < 50; i++) trip.sample(300);
    trip.progress();
    expect(trip.smoothedMs).toBe(300);
    expect(trip.timeoutMs).toBeGreaterThanOrEqual(300);
    expect(trip.timeoutMs).toBeLessThan(320);
    trip.backOff();
    expect(trip.timeoutMs).toBeGreaterThan(600);
    for (let i = 0; i < 5; i++) trip.backOff();
    expect(trip.timeoutMs).toBe(1000);
    trip.progress();
    expect(trip.timeoutMs).toBeLessThan(320);
  });
});

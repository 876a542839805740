import { describe, expect, it } from 'vitest';
import { costOf, type Place, usdPerGb } from '../../src/placement/link-cost.ts';

const place = (cloud: string, region = 'r1', zone = 'z1'): Place => ({ cloud, region, zone });
const gigabyte = 2 ** 30;

describe('link cost', () => {
  it('knows the list prices', () => {
    expect(usdPerGb(place('aws'), place('gcp'))).toBe(0.09);
    expect(usdPerGb(place('gcp'), place('aws'))).toBe(0.12);
    expect(usdPerGb(place('aws'), place('aws'))).toBe(0);
    expect(usdPerGb(place('gcp'), place('gcp', 'r1', 'z2'))).toBe(0.01);
    expect(usdPerGb(place('aws'), place('aws', 'r2'))).toBe(0.02);
  });

  it('never finds it free to leave a cloud that it does not know', () => {
    for (const cloud of ['attic', '__proto__', 'constructor']) {
      expect(usdPerGb(place(cloud), place('aws'))).toBeGreaterThan(0);
    }
  });

  it('takes a table of one’s own', () => {
    const own = { aws: { sameZone: 0, crossZone: 0, crossRegion: 0, otherCloud: 0.02 } };
    expect(costOf(place('aws'), place('gcp'), 30, 2 * gigabyte, own).usd).toBeCloseTo(0.04);
  });

  it('grows with bytes and round trips', () => {
    const near = costOf(place('aws'), place('aws'), 1, gigabyte);
    const far = costOf(place('aws'), place('gcp'), 30, gigabyte);
    expect(near.usd).toBe(0);
    expect(far.ms).toBeCloseTo(30 * near.ms);
    expect(costOf(place('aws'), place('gcp'), 30, 0)).toEqual({ usd: 0, ms: 30 });
  });
});

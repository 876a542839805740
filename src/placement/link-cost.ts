/**
 * What it costs to move bytes between two places: money from list prices, time from a measured round trip.
 *
 * Prices are the public list prices of the first paid tier in North American regions, in USD per GB (2^30 bytes, as
 * both providers bill), as of November 2026. Sources: aws.amazon.com/ec2/pricing/on-demand (data transfer),
 * cloud.google.com/vpc/network-pricing (premium tier), azure.microsoft.com/pricing/details/bandwidth. Contracts differ:
 * give your own table where yours does.
 */
export interface Place {
  readonly cloud: string;
  readonly region: string;
  readonly zone: string;
}

export interface LinkCost {
  readonly usd: number;
  /** Estimated time until the last byte has arrived, in milliseconds. */
  readonly ms: number;
}

/** USD per GB for bytes that leave a machine, by where they go. The receiver's share, if any, is in the price. */
export interface EgressPrices {
  readonly sameZone: number;
  readonly crossZone: number;
  readonly crossRegion: number;
  readonly otherCloud: number;
}

const egressListPrices: Readonly<Record<string, EgressPrices>> = Object.freeze({
  // Between zones 0.01 is billed to the sender and 0.01 to the receiver.
  aws: { sameZone: 0, crossZone: 0.02, crossRegion: 0.02, otherCloud: 0.09 },
  gcp: { sameZone: 0, crossZone: 0.01, crossRegion: 0.02, otherCloud: 0.12 },
  azure: { sameZone: 0, crossZone: 0, crossRegion: 0.02, otherCloud: 0.087 },
});

/** For a cloud that the table does not name: leaving it must never look free. */
const unknownCloudPrices: EgressPrices = {
  sameZone: 0,
  crossZone: 0.01,
  crossRegion: 0.02,
  otherCloud: 0.12,
};

export function costOf(
  from: Place,
  to: Place,
  rttMs: number,
  bytes: number,
  prices: Readonly<Record<string, EgressPrices>> = egressListPrices,
): LinkCost {
  const gigabytes = bytes / 2 ** 30;
  return { usd: usdPerGb(from, to, prices) * gigabytes, ms: rttMs * (1 + bytes / windowBytes) };
}

/** USD per GB from one place to another. */
export function usdPerGb(
  from: Place,
  to: Place,
  prices: Readonly<Record<string, EgressPrices>> = egressListPrices,
): number {
  const own = Object.hasOwn(prices, from.cloud) ? prices[from.cloud] : undefined;
  const { sameZone, crossZone, crossRegion, otherCloud } = own ?? unknownCloudPrices;
  if (from.cloud !== to.cloud) return otherCloud;
  if (from.region !== to.region) return crossRegion;
  return from.zone === to.zone ? sameZone : crossZone;
}

/** A receiver asks for about this much ahead, so a link moves no more than it in one round trip. */
const windowBytes = 16 * 1024 * 1024;

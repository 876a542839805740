import type { SeedOrder } from './seed-order.ts';
import { type SeedReport, simulate } from './simulation.ts';

/** Runs a seed; with `twice` also again, and the two runs must be one. The events of both count. */
export async function replayed(order: SeedOrder): Promise<SeedReport> {
  const { seed, minutes, keptLines } = order;
  const report = await simulate({ seed, minutes, keptLines });
  if (!order.twice || report.violation !== undefined) return report;
  const again = await simulate({ seed, minutes, keptLines });
  const both = {
    ...report,
    events: report.events + again.events,
    virtualMs: report.virtualMs + again.virtualMs,
  };
  if (again.hash === report.hash) return both;
  const message = `a second run has the hash ${again.hash}, not ${report.hash}`;
  return { ...both, violation: { seed, atMs: again.virtualMs, promise: 'one-hash', message } };
}

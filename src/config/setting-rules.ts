import type { z } from 'zod';
import type { CloudCount } from './cloud-counts.ts';
import type { CountRange } from './count.ts';
import { cloudCounts, countBetween, folder, oneOf, sizeBetween } from './schema.ts';
import { durabilities, logLevels, type SettingName, type Settings } from './settings.ts';

/** What values a setting takes, from wherever they come, and the one it has when nothing sets it. */
interface SettingRule<Value> {
  readonly schema: z.ZodType<Value>;
  /** From the settings above it in the table of settings alone. */
  readonly fallback: (others: FallbackContext) => Value;
}

export interface FallbackContext {
  readonly stateHome: string;
  readonly chunkBytes: number;
  readonly replicas: number;
}

type SettingRules = { readonly [Name in SettingName]: SettingRule<Settings[Name]> };

const kib = 1024;
const mib = 1024 * kib;

const replicaRange: CountRange = Object.freeze({ min: 1, max: 16 });

const usualNodes: readonly CloudCount[] = Object.freeze([
  Object.freeze({ cloud: 'aws', count: 2 }),
  Object.freeze({ cloud: 'gcp', count: 2 }),
]);

export const settingRules: SettingRules = Object.freeze<SettingRules>({
  dataDir: { schema: folder, fallback: ({ stateHome }) => `${stateHome}/loom/dev` },
  nodes: { schema: cloudCounts, fallback: () => usualNodes },
  chunkBytes: { schema: sizeBetween(4 * kib, 100 * mib), fallback: () => 100 * mib },
  blockBytes: {
    schema: sizeBetween(4 * kib, 16 * mib),
    fallback: ({ chunkBytes }) => Math.min(4 * mib, chunkBytes),
  },
  replicas: { schema: countBetween(replicaRange), fallback: () => 3 },
  minClouds: { schema: countBetween(replicaRange), fallback: ({ replicas }) => Math.min(2, replicas) },
  durability: { schema: oneOf(durabilities), fallback: () => 'power-safe' },
  logLevel: { schema: oneOf(logLevels), fallback: () => 'info' },
});

import type { CloudCount } from './cloud-counts.ts';

/** Every setting of Loom, resolved. What each means stands in `setting-table.ts`. */
export interface Settings {
  readonly dataDir: string;
  readonly nodes: readonly CloudCount[];
  readonly chunkBytes: number;
  readonly blockBytes: number;
  readonly replicas: number;
  readonly minClouds: number;
  readonly durability: Durability;
  readonly logLevel: LogLevel;
}

export type SettingName = keyof Settings;

export const durabilities = ['power-safe', 'process-crash-safe', 'memory'] as const;
type Durability = (typeof durabilities)[number];

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
type LogLevel = (typeof logLevels)[number];

import type { z } from 'zod';
import { type CloudCount, writeCloudCounts } from './cloud-counts.ts';
import type { CountRange } from './count.ts';
import { cloudCounts, countBetween, folder, oneOf, sizeBetween } from './schema.ts';
import { durabilities, logLevels, type SettingName, type Settings } from './settings.ts';
import { formatBytes } from './size.ts';

/**
 * One setting: `--<flag>`, `LOOM_<FLAG>` and the camel-case key of the settings file all come from `flag`. The schema
 * takes what any of the three may hold; its messages go on from "<name> is <value>, which …".
 */
export interface SettingSpec<Value> {
  readonly flag: string;
  readonly placeholder: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly schema: z.ZodType<Value>;
  /** The value when nothing sets it, from the settings above it in the table. */
  readonly fallback: (others: FallbackContext) => Value;
  readonly fallbackText: string;
  /** The value for people. */
  readonly show: (value: Value) => string;
}

export interface FallbackContext {
  readonly stateHome: string;
  readonly chunkBytes: number;
  readonly replicas: number;
}

export type SettingTable = { readonly [Name in SettingName]: SettingSpec<Settings[Name]> };

const kib = 1024;
const mib = 1024 * kib;

const replicaRange: CountRange = Object.freeze({ min: 1, max: 16 });

const usualNodes: readonly CloudCount[] = Object.freeze([
  Object.freeze({ cloud: 'aws', count: 2 }),
  Object.freeze({ cloud: 'gcp', count: 2 }),
]);

/** In the order in which help shows them; a fallback may look at settings above it only. */
export const settingTable: SettingTable = Object.freeze<SettingTable>({
  dataDir: {
    flag: 'data-dir',
    placeholder: 'DIR',
    summary: 'folder that holds everything this cluster keeps',
    schema: folder,
    fallback: ({ stateHome }) => `${stateHome}/loom/dev`,
    fallbackText: '$XDG_STATE_HOME/loom/dev',
    show: String,
  },
  nodes: {
    flag: 'nodes',
    placeholder: 'CLOUD=N,…',
    summary: 'clouds and how many nodes each has',
    schema: cloudCounts,
    fallback: () => usualNodes,
    fallbackText: 'aws=2,gcp=2',
    show: writeCloudCounts,
  },
  chunkBytes: {
    flag: 'chunk-size',
    placeholder: 'SIZE',
    summary: 'bytes of a source in one chunk, 4 KiB to 100 MiB',
    schema: sizeBetween(4 * kib, 100 * mib),
    fallback: () => 100 * mib,
    fallbackText: '100MiB',
    show: formatBytes,
  },
  blockBytes: {
    flag: 'block-size',
    placeholder: 'SIZE',
    summary: 'bytes under one checksum, 4 KiB to 16 MiB, at most a chunk',
    schema: sizeBetween(4 * kib, 16 * mib),
    fallback: ({ chunkBytes }) => Math.min(4 * mib, chunkBytes),
    fallbackText: '4MiB, or the chunk size when that is smaller',
    show: formatBytes,
  },
  replicas: {
    flag: 'replicas',
    placeholder: 'N',
    summary: 'verified copies of each chunk, each on a node of its own, 1 to 16',
    schema: countBetween(replicaRange),
    fallback: () => 3,
    fallbackText: '3',
    show: String,
  },
  minClouds: {
    flag: 'min-clouds',
    placeholder: 'N',
    summary: 'clouds that the copies of a chunk are spread over, at most the replicas',
    schema: countBetween(replicaRange),
    fallback: ({ replicas }) => Math.min(2, replicas),
    fallbackText: '2, or 1 when there is one replica',
    show: String,
  },
  durability: {
    flag: 'durability',
    placeholder: 'MODE',
    summary: 'what an acknowledged write survives',
    choices: durabilities,
    schema: oneOf(durabilities),
    fallback: () => 'power-safe',
    fallbackText: 'power-safe',
    show: String,
  },
  logLevel: {
    flag: 'log-level',
    placeholder: 'LEVEL',
    summary: 'the least grave line that is logged',
    choices: logLevels,
    schema: oneOf(logLevels),
    fallback: () => 'info',
    fallbackText: 'info',
    show: String,
  },
});

export const settingNames: readonly SettingName[] = Object.freeze(Object.keys(settingTable) as SettingName[]);

/** `chunk-size` as `LOOM_CHUNK_SIZE`. */
export function environmentName(flag: string): string {
  return `LOOM_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** `chunk-size` as `chunkSize`. */
export function fileKey(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

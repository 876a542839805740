import { writeCloudCounts } from './cloud-counts.ts';
import { durabilities, logLevels, type SettingName, type Settings } from './settings.ts';
import { formatBytes } from './size.ts';

/**
 * What help shows of one setting: `--<flag>`, `LOOM_<FLAG>` and the camel-case key of the settings file all come from
 * `flag`. What values it takes stands in `setting-rules.ts`, apart, because help must not wait for zod to load.
 */
export interface SettingSpec<Value> {
  readonly flag: string;
  readonly placeholder: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly fallbackText: string;
  /** The value for people. */
  readonly show: (value: Value) => string;
}

export type SettingTable = { readonly [Name in SettingName]: SettingSpec<Settings[Name]> };

/** In the order in which help shows them and in which they are resolved. */
export const settingTable: SettingTable = Object.freeze<SettingTable>({
  dataDir: {
    flag: 'data-dir',
    placeholder: 'DIR',
    summary: 'folder that holds everything this cluster keeps',
    fallbackText: '$XDG_STATE_HOME/loom/dev',
    show: String,
  },
  nodes: {
    flag: 'nodes',
    placeholder: 'CLOUD=N,…',
    summary: 'clouds and how many nodes each has',
    fallbackText: 'aws=2,gcp=2',
    show: writeCloudCounts,
  },
  chunkBytes: {
    flag: 'chunk-size',
    placeholder: 'SIZE',
    summary: 'bytes of a source in one chunk, 4 KiB to 100 MiB',
    fallbackText: '100MiB',
    show: formatBytes,
  },
  blockBytes: {
    flag: 'block-size',
    placeholder: 'SIZE',
    summary: 'bytes under one checksum, 4 KiB to 16 MiB, at most a chunk',
    fallbackText: '4MiB, or the chunk size when that is smaller',
    show: formatBytes,
  },
  replicas: {
    flag: 'replicas',
    placeholder: 'N',
    summary: 'verified copies of each chunk, each on a node of its own, 1 to 16',
    fallbackText: '3',
    show: String,
  },
  minClouds: {
    flag: 'min-clouds',
    placeholder: 'N',
    summary: 'clouds that the copies of a chunk are spread over, at most the replicas',
    fallbackText: '2, or 1 when there is one replica',
    show: String,
  },
  durability: {
    flag: 'durability',
    placeholder: 'MODE',
    summary: 'what an acknowledged write survives',
    choices: durabilities,
    fallbackText: 'power-safe',
    show: String,
  },
  logLevel: {
    flag: 'log-level',
    placeholder: 'LEVEL',
    summary: 'the least grave line that is logged',
    choices: logLevels,
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

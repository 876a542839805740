import { settingTable } from './setting-table.ts';
import type { SettingName } from './settings.ts';

/** Where a value came from. */
export type Origin =
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  | { readonly kind: 'default' };

/** `--chunk-size`, `LOOM_CHUNK_SIZE`, `chunkSize in <file>` or `the default of --chunk-size`. */
export function describeOrigin(name: SettingName, origin: Origin): string {
  if (origin.kind === 'file') return `${origin.name} in ${origin.path}`;
  return origin.kind === 'default' ? `the default of --${settingTable[name].flag}` : origin.name;
}

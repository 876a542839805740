import { isAbsolute, join, resolve } from 'node:path';
import { LoomError } from '../ports/loom-error.ts';
import type { SettingsFile } from './files.ts';
import { nearMiss } from './near-miss.ts';
import { describeOrigin, type Origin } from './origin.ts';
import { quote } from './quote.ts';
import { type FallbackContext, settingRules } from './setting-rules.ts';
import { environmentName, fileKey, settingNames, settingTable } from './setting-table.ts';
import type { SettingName, Settings } from './settings.ts';

export interface ResolvedSettings {
  readonly values: Settings;
  readonly origins: { readonly [Name in SettingName]: Origin };
}

export interface SettingSources {
  readonly flags: Readonly<Partial<Record<SettingName, string>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Nearest first. */
  readonly files: readonly SettingsFile[];
  readonly cwd: string;
  readonly home: string;
}

interface Found {
  readonly raw: unknown;
  readonly origin: Origin;
  /** What a relative path is relative to. */
  readonly folder: string;
}

/**
 * Resolves every setting once: flags, then environment, then files, then defaults. The result is frozen. A value that
 * does not fit, or two that do not fit together, is INVALID_OPTION naming the setting as it was written, its value and
 * its origin; an unknown key of a file is UNKNOWN_OPTION.
 */
export function loadSettings(sources: SettingSources): ResolvedSettings {
  for (const file of sources.files) refuseUnknownKeys(file);
  const stateHome = absoluteOr(sources.environment['XDG_STATE_HOME'], join(sources.home, '.local', 'state'));
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const name of settingNames) {
    const found = find(name, sources);
    origins[name] = Object.freeze(found?.origin ?? { kind: 'default' });
    values[name] =
      found === undefined
        ? settingRules[name].fallback({ ...(values as Partial<Settings>), stateHome } as FallbackContext)
        : check(name, found, sources.home);
  }
  const resolved = {
    values: Object.freeze(values),
    origins: Object.freeze(origins),
  } as unknown as ResolvedSettings;
  refuseMisfits(resolved);
  return Object.freeze(resolved);
}

function find(name: SettingName, sources: SettingSources): Found | undefined {
  const { flag } = settingTable[name];
  const fromFlag = sources.flags[name];
  if (fromFlag !== undefined) {
    return { raw: fromFlag, origin: { kind: 'flag', name: `--${flag}` }, folder: sources.cwd };
  }
  const variable = environmentName(flag);
  const fromEnvironment = sources.environment[variable];
  // An empty variable counts as unset, as everywhere in the XDG world.
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return { raw: fromEnvironment, origin: { kind: 'environment', name: variable }, folder: sources.cwd };
  }
  const key = fileKey(flag);
  const file = sources.files.find((one) => Object.hasOwn(one.entries, key));
  if (file === undefined) return undefined;
  return {
    raw: file.entries[key],
    origin: { kind: 'file', name: key, path: file.path },
    folder: file.folder,
  };
}

function check(name: SettingName, found: Found, home: string): unknown {
  const parsed = settingRules[name].schema.safeParse(found.raw);
  if (parsed.success)
    return name === 'dataDir' ? absolutePath(String(parsed.data), found.folder, home) : parsed.data;
  const why = parsed.error.issues[0]?.message ?? 'does not fit';
  throw misfit(name, found.origin, found.raw, `which ${why}`);
}

function misfit(name: SettingName, origin: Origin, raw: unknown, why: string): LoomError {
  const value = typeof raw === 'string' ? raw.slice(0, 100) : quote(raw);
  return new LoomError('INVALID_OPTION', `${describeOrigin(name, origin)} is ${quote(raw)}, ${why}`, {
    details: { option: `--${settingTable[name].flag}`, value, origin: origin.kind },
  });
}

function refuseMisfits({ values, origins }: ResolvedSettings): void {
  if (values.blockBytes > values.chunkBytes) {
    throw misfit(
      'blockBytes',
      origins.blockBytes,
      values.blockBytes,
      `which is larger than a chunk (${values.chunkBytes} bytes)`,
    );
  }
  if (values.minClouds > values.replicas) {
    throw misfit(
      'minClouds',
      origins.minClouds,
      values.minClouds,
      `which is more than the replicas (${values.replicas})`,
    );
  }
}

function refuseUnknownKeys(file: SettingsFile): void {
  const keys = settingNames.map((name) => fileKey(settingTable[name].flag));
  for (const key of Object.keys(file.entries)) {
    if (key === '$schema' || keys.includes(key)) continue;
    const meant = nearMiss(key, keys);
    const hint = meant === undefined ? `it may have ${keys.join(', ')}` : `did you mean ${meant}?`;
    throw new LoomError('UNKNOWN_OPTION', `${file.path} has the unknown key ${quote(key)}; ${hint}`, {
      details: { option: key, path: file.path },
    });
  }
}

function absolutePath(path: string, folder: string, home: string): string {
  // A shell expands ~ in flags; a file or a quoted variable would otherwise make a folder named ~.
  if (path === '~') return home;
  return path.startsWith('~/') ? join(home, path.slice(2)) : resolve(folder, path);
}

/** The XDG rule: a relative path in its variables is invalid and counts as unset. */
function absoluteOr(path: string | undefined, otherwise: string): string {
  return path !== undefined && isAbsolute(path) ? path : otherwise;
}

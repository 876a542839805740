import { dirname, join, resolve } from 'node:path';
import { LoomError } from '../ports/loom-error.ts';

/** One settings file, read and parsed: a flat JSON object. */
export interface SettingsFile {
  readonly path: string;
  readonly folder: string;
  readonly entries: Readonly<Record<string, unknown>>;
}

export interface SettingsFileSearch {
  /** What --config or LOOM_CONFIG names: then no other file is read. */
  readonly explicit: string | undefined;
  readonly cwd: string;
  readonly configHome: string;
  /** A file's text; undefined when there is none. Throws when it exists and cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

/**
 * The settings files that count, nearest first: the named one alone, or `loom.json` of the working folder and then the
 * user's own. A named file that is missing is DISK_NOT_FOUND; one that is no JSON object is INVALID_OPTION.
 */
export function findSettingsFiles(search: SettingsFileSearch): readonly SettingsFile[] {
  const named = search.explicit === undefined ? undefined : resolve(search.cwd, search.explicit);
  const paths =
    named === undefined
      ? [join(search.cwd, 'loom.json'), join(search.configHome, 'loom', 'loom.json')]
      : [named];
  return paths.flatMap((path) => {
    const text = search.readText(path);
    if (text !== undefined) return [parseFile(path, text)];
    if (path !== named) return [];
    throw new LoomError('DISK_NOT_FOUND', `the settings file ${path} does not exist`, { details: { path } });
  });
}

function parseFile(path: string, text: string): SettingsFile {
  let entries: unknown;
  try {
    entries = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new LoomError('INVALID_OPTION', `the settings file ${path} is not JSON: ${why}`, {
      cause: error,
      details: { path },
    });
  }
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) {
    throw new LoomError('INVALID_OPTION', `the settings file ${path} does not hold a JSON object`, {
      details: { path },
    });
  }
  return { path, folder: dirname(path), entries: entries as Readonly<Record<string, unknown>> };
}

import { describe, expect, test } from 'vitest';
import { findSettingsFiles } from '../../src/config/files.ts';
import { loadSettings, type SettingSources } from '../../src/config/load.ts';
import { describeOrigin } from '../../src/config/origin.ts';
import { settingNames, settingTable } from '../../src/config/setting-table.ts';
import { LoomError } from '../../src/ports/loom-error.ts';

const nothing: SettingSources = {
  flags: {},
  environment: {},
  files: [],
  cwd: '/project',
  home: '/home/ada',
};

function file(
  entries: Record<string, unknown>,
  path = '/etc/loom/loom.json',
): SettingSources['files'][number] {
  return { path, folder: path.slice(0, path.lastIndexOf('/')), entries };
}

describe('defaults', () => {
  test('are complete, frozen and said to be defaults', () => {
    const { values, origins } = loadSettings(nothing);
    expect(values).toEqual({
      dataDir: '/home/ada/.local/state/loom/dev',
      nodes: [
        { cloud: 'aws', count: 2 },
        { cloud: 'gcp', count: 2 },
      ],
      chunkBytes: 104_857_600,
      blockBytes: 4_194_304,
      replicas: 3,
      minClouds: 2,
      durability: 'power-safe',
      logLevel: 'info',
    });
    expect(Object.values(origins).every((origin) => origin.kind === 'default')).toBe(true);
    expect([values, values.nodes, values.nodes[0], origins, origins.nodes].every(Object.isFrozen)).toBe(true);
  });

  test('of the data folder follow XDG_STATE_HOME when it is absolute', () => {
    const at = (home: string): string =>
      loadSettings({ ...nothing, environment: { XDG_STATE_HOME: home } }).values.dataDir;
    expect(at('/state')).toBe('/state/loom/dev');
    expect(at('state')).toBe('/home/ada/.local/state/loom/dev');
  });

  test('shrink with what they depend on', () => {
    const { values } = loadSettings({ ...nothing, flags: { chunkBytes: '8KiB', replicas: '1' } });
    expect(values).toMatchObject({ blockBytes: 8_192, minClouds: 1 });
  });
});

describe('precedence', () => {
  const flags = { chunkBytes: '1MiB' };
  const environment = { LOOM_CHUNK_SIZE: '2MiB' };
  const near = file({ chunkSize: '3MiB' }, '/project/loom.json');
  const far = file({ chunkSize: '4MiB', replicas: 5 });

  test.each([
    ['a flag', { flags, environment, files: [near, far] }, 1, '--chunk-size'],
    ['the environment', { environment, files: [near, far] }, 2, 'LOOM_CHUNK_SIZE'],
    [
      'an empty variable counts as unset',
      { environment: { LOOM_CHUNK_SIZE: '' }, files: [far] },
      4,
      'chunkSize in /etc/loom/loom.json',
    ],
    ['the nearer file', { files: [near, far] }, 3, 'chunkSize in /project/loom.json'],
    ['the default', {}, 100, 'the default of --chunk-size'],
  ])('%s wins', (_, sources, mebibytes, origin) => {
    const resolved = loadSettings({ ...nothing, ...sources });
    expect(resolved.values.chunkBytes).toBe(mebibytes * 2 ** 20);
    expect(describeOrigin('chunkBytes', resolved.origins.chunkBytes)).toBe(origin);
  });

  test('is judged for each setting apart', () => {
    const { values } = loadSettings({ ...nothing, flags, files: [near, far] });
    expect(values).toMatchObject({ chunkBytes: 2 ** 20, replicas: 5 });
  });
});

describe('paths', () => {
  test.each([
    ['a flag is relative to the working folder', { flags: { dataDir: 'd' } }, '/project/d'],
    ['a file’s value is relative to the file', { files: [file({ dataDir: '../d' })] }, '/etc/d'],
    ['a tilde is the home', { environment: { LOOM_DATA_DIR: '~/d' } }, '/home/ada/d'],
    ['an absolute one stays', { flags: { dataDir: '/d/../e' } }, '/e'],
  ])('%s', (_, sources, path) => {
    expect(loadSettings({ ...nothing, ...sources }).values.dataDir).toBe(path);
  });
});

describe('refusals name the setting as it was written, the value, and why', () => {
  test.each([
    [
      { flags: { chunkBytes: 'abc' } },
      /^INVALID_OPTION: --chunk-size is "abc", which is not a size; write 100MiB/,
    ],
    [{ flags: { chunkBytes: '4095' } }, /--chunk-size is "4095", which is not between 4 KiB and 100 MiB/],
    [{ flags: { chunkBytes: '101MiB' } }, /not between 4 KiB and 100 MiB/],
    [
      { environment: { LOOM_REPLICAS: '17' } },
      /^INVALID_OPTION: LOOM_REPLICAS is "17", which is not a whole number from 1 to 16/,
    ],
    [{ flags: { replicas: '0' } }, /from 1 to 16/],
    [
      { files: [file({ replicas: 2.5 })] },
      /replicas in \/etc\/loom\/loom.json is 2.5, which is not a whole number/,
    ],
    [{ files: [file({ chunkSize: null })] }, /chunkSize in .* is null, which is not a size/],
    [{ files: [file({ nodes: ['aws'] })] }, /nodes in .* which is no list of clouds/],
    [{ flags: { nodes: 'aws=0' } }, /--nodes is "aws=0", which asks for no node of aws/],
    [{ flags: { durability: 'maybe' } }, /which is none of power-safe, process-crash-safe, memory/],
    [{ environment: { LOOM_LOG_LEVEL: 'loud' } }, /LOOM_LOG_LEVEL is "loud", which is none of debug/],
    [{ flags: { dataDir: '' } }, /--data-dir is "", which is empty/],
    [{ flags: { dataDir: 'a\0b' } }, /which has a NUL byte/],
    [
      { flags: { blockBytes: '2MiB', chunkBytes: '1MiB' } },
      /--block-size is 2097152, which is larger than a chunk/,
    ],
    [
      { flags: { minClouds: '3', replicas: '2' } },
      /--min-clouds is 3, which is more than the replicas \(2\)/,
    ],
    [
      { files: [file({ chunksize: '1MiB' })] },
      /^UNKNOWN_OPTION: .*unknown key "chunksize"; did you mean chunkSize\?/,
    ],
    [
      { files: [file(JSON.parse('{"__proto__": {"replicas": 1}}'))] },
      /unknown key "__proto__"; it may have dataDir/,
    ],
  ])('%j', (sources, message) => {
    const load = (): unknown => loadSettings({ ...nothing, ...sources });
    expect(load).toThrow(LoomError);
    expect(load).toThrow(message);
  });

  test('with details for machines', () => {
    try {
      loadSettings({ ...nothing, environment: { LOOM_REPLICAS: 'x' } });
      expect.unreachable();
    } catch (error) {
      expect((error as LoomError).details).toEqual({
        option: '--replicas',
        value: 'x',
        origin: 'environment',
      });
    }
  });

  test('a long value is cut', () => {
    const load = (): unknown => loadSettings({ ...nothing, flags: { nodes: 'x'.repeat(100_000) } });
    try {
      load();
      expect.unreachable();
    } catch (error) {
      expect((error as LoomError).message.length).toBeLessThan(400);
      expect(String((error as LoomError).details['value']).length).toBe(100);
    }
  });
});

test('a file may hold numbers, objects and a schema reference', () => {
  const entries = {
    $schema: 'x',
    chunkSize: 8_192,
    replicas: 2,
    nodes: { aws: 1, gcp: 2 },
    durability: 'memory',
  };
  expect(loadSettings({ ...nothing, files: [file(entries)] }).values).toMatchObject({
    chunkBytes: 8_192,
    replicas: 2,
    nodes: [
      { cloud: 'aws', count: 1 },
      { cloud: 'gcp', count: 2 },
    ],
    durability: 'memory',
  });
});

describe('settings files', () => {
  const search = (files: Record<string, string>, explicit?: string): unknown =>
    findSettingsFiles({ explicit, cwd: '/p', configHome: '/c', readText: (path) => files[path] });

  test('of the working folder come before the user’s', () => {
    expect(search({ '/p/loom.json': '{"replicas":1}', '/c/loom/loom.json': '\uFEFF{}' })).toEqual([
      { path: '/p/loom.json', folder: '/p', entries: { replicas: 1 } },
      { path: '/c/loom/loom.json', folder: '/c/loom', entries: {} },
    ]);
    expect(search({})).toEqual([]);
  });

  test('that are named stand alone, and must exist', () => {
    expect(search({ '/p/x.json': '{}', '/p/loom.json': '{}' }, 'x.json')).toEqual([
      { path: '/p/x.json', folder: '/p', entries: {} },
    ]);
    expect(() => search({}, 'x.json')).toThrow(/^DISK_NOT_FOUND: the settings file \/p\/x.json/);
  });

  test.each(['', '{', '[]', 'null', '"x"'])('that hold %j are refused', (text) => {
    expect(() => search({ '/p/loom.json': text })).toThrow(
      /^INVALID_OPTION: the settings file \/p\/loom.json/,
    );
  });
});

test('the default that help shows is the default, for every setting that shows a plain one', () => {
  const plain = settingNames.filter((name) => /^[\w=,.-]+$/.test(settingTable[name].fallbackText));
  expect(plain.length).toBeGreaterThan(4);
  for (const name of plain) {
    const { values } = loadSettings({ ...nothing, flags: { [name]: settingTable[name].fallbackText } });
    expect(values[name]).toEqual(loadSettings(nothing).values[name]);
  }
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandTable } from '../../src/cli/commands/table.ts';
import { errorTable } from '../../src/ports/error-table.ts';
import { record } from './recorded-io.ts';

describe('help', () => {
  test('of loom itself leads with examples and names every command', async () => {
    const pages = await Promise.all([[], ['--help'], ['-h'], ['help']].map((argv) => record(argv)));
    for (const page of pages) expect(page).toEqual(pages[0]);
    const [{ exitCode, stdout, stderr } = { exitCode: -1, stdout: '', stderr: '' }] = pages;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.indexOf('Examples:')).toBeLessThan(stdout.indexOf('Usage:'));
    for (const { name, summary } of commandTable)
      expect(stdout).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'));
    expect(stdout).toContain('Exit codes: 0 done');
  });

  test('of a command shows each setting with its variable and default', async () => {
    const { stdout } = await record(['config', 'explain', '--help']);
    expect(stdout).toMatchInlineSnapshot(`
      "Show every setting, its value and where it comes from.

      Examples:
        loom config explain                   what a command would use here
        loom config explain --chunk-size 1GB  whether a value would be taken

      Usage: loom config explain [options]

      Options:
        --data-dir DIR     folder that holds everything this cluster keeps
                           [env: LOOM_DATA_DIR] [default: $XDG_STATE_HOME/loom/dev]
        --nodes CLOUD=N,…  clouds and how many nodes each has [env: LOOM_NODES]
                           [default: aws=2,gcp=2]
        --chunk-size SIZE  bytes of a source in one chunk, 4 KiB to 100 MiB
                           [env: LOOM_CHUNK_SIZE] [default: 100MiB]
        --block-size SIZE  bytes under one checksum, 4 KiB to 16 MiB, at most a chunk
                           [env: LOOM_BLOCK_SIZE] [default: 4MiB, or the chunk size
                           when that is smaller]
        --replicas N       verified copies of each chunk, each on a node of its own, 1
                           to 16 [env: LOOM_REPLICAS] [default: 3]
        --min-clouds N     clouds that the copies of a chunk are spread over, at most
                           the replicas [env: LOOM_MIN_CLOUDS] [default: 2, or 1 when
                           there is one replica]
        --durability MODE  what an acknowledged write survives (power-safe,
                           process-crash-safe, memory) [env: LOOM_DURABILITY]
                           [default: power-safe]
        --log-level LEVEL  the least grave line that is logged (debug, info, warn,
                           error, silent) [env: LOOM_LOG_LEVEL] [default: info]

      Everywhere:
        -o, --output FORMAT  table for people or json for programs (table, json)
                             [env: LOOM_OUTPUT] [default: table]
        --config FILE        settings file, in place of ./loom.json and
                             $XDG_CONFIG_HOME/loom/loom.json [env: LOOM_CONFIG]
        --no-color           plain text [env: NO_COLOR]
        --debug              the stack with every error [env: LOOM_DEBUG]
        -h, --help           this page
      "
    `);
    expect(await record(['help', 'config', 'explain'])).toEqual({ exitCode: 0, stdout, stderr: '' });
  });

  test('of a group shows the group', async () => {
    const bare = await record(['config']);
    expect(bare.stdout).toContain('Usage: loom config <command> [options]');
    expect(bare.stdout).not.toContain('loom explain');
    expect(await record(['help', 'config'])).toEqual(bare);
    expect(await record(['config', '--help'])).toEqual(bare);
  });

  test('of no command suggests one', async () => {
    const { exitCode, stderr } = await record(['help', 'confgi']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('did you mean config?');
  });

  test.each([40, 80, 300])('fits a terminal of %d columns', async (columns) => {
    const { stdout } = await record(['config', 'explain', '--help'], { columns });
    const prose = stdout.split('\n').filter((line) => !line.includes('XDG'));
    expect(Math.max(...prose.map((line) => line.length))).toBeLessThanOrEqual(Math.min(columns, 100));
  });
});

test.each(commandTable.map((command) => [command.name, command] as const))(
  '%s is described well',
  (name, command) => {
    expect(command.summary).toMatch(/^[A-Z].*[^.]$/);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const { line } of command.examples) expect(line).toContain(`loom ${name}`);
    for (const { flag, placeholder } of command.options) {
      expect(flag).toMatch(/^[a-z]+(-[a-z]+)*$/);
      if (placeholder !== undefined) expect(placeholder).toBe(placeholder.toUpperCase());
    }
    const optional = command.arguments.findIndex(({ required }) => !required);
    expect(
      command.arguments
        .slice(optional === -1 ? Number.POSITIVE_INFINITY : optional)
        .every((one) => !one.required),
    ).toBe(true);
  },
);

describe('version', () => {
  test('is one line, or JSON', async () => {
    const text = await record(['version']);
    expect(text.stdout).toMatch(/^loom \d+\.\d+\.\d+ \(node \d+\.\d+\.\d+, \w+ \w+\)\n$/);
    const { stdout } = await record(['version', '-o', 'json']);
    expect(Object.keys(JSON.parse(stdout))).toEqual(['loom', 'node', 'platform', 'arch']);
    expect((await record(['--version'])).stdout).toBe(`loom ${JSON.parse(stdout).loom}\n`);
  });
});

test('a command that takes no argument refuses one', async () => {
  const { exitCode, stderr } = await record(['version', 'please']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^loom: EXCESS_ARGUMENT: .*\n {2}why: too many arguments for 'version'/);
});

describe('explain', () => {
  test('prints a row, whatever the case', async () => {
    for (const word of ['MAILBOX_FULL', 'mailbox_full', 'mailbox-full']) {
      const { stdout } = await record(['explain', word]);
      expect(stdout).toContain(
        `MAILBOX_FULL: ${errorTable.MAILBOX_FULL.sentence}\n  what to do: ${errorTable.MAILBOX_FULL.remedy}`,
      );
    }
    const { stdout } = await record(['explain', 'NOT_RUNNING', '-o', 'json']);
    expect(JSON.parse(stdout)).toEqual({ code: 'NOT_RUNNING', ...errorTable.NOT_RUNNING });
  });

  test('prints every code when none is named', async () => {
    const table = await record(['explain']);
    for (const code of Object.keys(errorTable)) expect(table.stdout).toMatch(new RegExp(`^${code} `, 'm'));
    const { stdout } = await record(['explain', '-o', 'json']);
    expect(JSON.parse(stdout).codes.length).toBe(Object.keys(errorTable).length);
  });

  test.each(['MAILBOX_FUL', '__proto__', 'constructor', ''])('refuses %j', async (word) => {
    const { exitCode, stderr } = await record(['explain', word]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('is no error code');
  });
});

describe('config explain', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loom-config-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('shows each value with its origin', async () => {
    await writeFile(join(folder, 'loom.json'), JSON.stringify({ replicas: 5, nodes: { aws: 3, gcp: 3 } }));
    const surroundings = { cwd: folder, environment: { LOOM_CHUNK_SIZE: '1GB', LOOM_BLOCK_SIZE: '1MiB' } };
    const argv = ['config', 'explain', '--chunk-size', '8MiB', '--data-dir', '/d'];
    const { exitCode, stdout } = await record(argv, surroundings);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [
        'SETTING     VALUE        FROM',
        'dataDir     /d           --data-dir',
        `nodes       aws=3,gcp=3  nodes in ${folder}/loom.json`,
        'chunkSize   8 MiB        --chunk-size',
        'blockSize   1 MiB        LOOM_BLOCK_SIZE',
        `replicas    5            replicas in ${folder}/loom.json`,
        'minClouds   2            default',
        'durability  power-safe   default',
        'logLevel    info         default',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await record([...argv, '-o', 'json'], surroundings)).stdout);
    expect(json.settings[2]).toEqual({
      name: 'chunkBytes',
      value: 8_388_608,
      origin: { kind: 'flag', name: '--chunk-size' },
      flag: '--chunk-size',
      environment: 'LOOM_CHUNK_SIZE',
      fileKey: 'chunkSize',
    });
  });

  test('reads the user’s file from XDG_CONFIG_HOME, and the named one alone', async () => {
    await mkdir(join(folder, 'loom'));
    await writeFile(join(folder, 'loom', 'loom.json'), '{"replicas": 7}');
    await writeFile(join(folder, 'named.json'), '{"minClouds": 1}');
    const environment = { XDG_CONFIG_HOME: folder };
    const user = await record(['config', 'explain'], { environment });
    expect(user.stdout).toContain(`replicas in ${folder}/loom/loom.json`);
    const named = await record(['config', 'explain', '--config', 'named.json'], { environment, cwd: folder });
    expect(named.stdout).toContain(`minClouds in ${folder}/named.json`);
    expect(named.stdout).toMatch(/replicas +3 +default/);
  });

  test('refuses a named file that is missing (5), a folder (1) and a bad one (2)', async () => {
    await writeFile(join(folder, 'bad.json'), '{"replicas": "many"}');
    const exit = async (path: string): Promise<number> =>
      (await record(['config', 'explain', '--config', path], { cwd: folder })).exitCode;
    expect([await exit('missing.json'), await exit('.'), await exit('bad.json')]).toEqual([5, 1, 2]);
  });
});

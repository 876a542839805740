import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DataFolder, openDataFolder } from '../../src/node/data-folder.ts';
import { folderFault } from '../../src/node/folder-fault.ts';
import { LoomError } from '../../src/ports/loom-error.ts';

const options = { version: '1.2.3', environment: {} };
let parent = '';
let opened: DataFolder[] = [];

beforeEach(async () => {
  parent = await realpath(await mkdtemp(join(tmpdir(), 'loom-folder-')));
  opened = [];
});

afterEach(async () => {
  for (const folder of opened) await folder.lock.release();
  await rm(parent, { recursive: true, force: true });
});

async function openFolder(path: string): Promise<DataFolder> {
  const folder = await openDataFolder(path, options);
  opened.push(folder);
  return folder;
}

async function refusal(path: string): Promise<LoomError> {
  try {
    await openFolder(path);
  } catch (error) {
    if (error instanceof LoomError) return error;
    throw error;
  }
  throw new Error('the folder was opened');
}

describe('openDataFolder', () => {
  test('makes the folder, for this user alone, and marks it', async () => {
    const path = join(parent, 'a', 'b');
    const folder = await openFolder(path);
    expect(folder).toMatchObject({ path, fresh: true });
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(folder.lock.holder.socket)).mode & 0o777).toBe(0o600);
    expect(await readFile(join(path, 'version'), 'utf8')).toBe('loom-data 1\n');
    expect(JSON.parse(await readFile(join(path, 'loom.lock'), 'utf8'))).toEqual(folder.lock.holder);
    expect(folder.lock.holder).toMatchObject({ pid: process.pid, version: '1.2.3' });
  });

  test('opens its own folder again, and closes an open mode', async () => {
    const path = join(parent, 'a');
    await (await openFolder(path)).lock.release();
    await writeFile(join(path, 'anything'), 'kept');
    await chmod(path, 0o755);
    expect((await openFolder(path)).fresh).toBe(false);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(path, 'anything'), 'utf8')).toBe('kept');
  });

  test('takes an empty folder, also one that a new disk or a crash in the first start left', async () => {
    await mkdir(join(parent, 'lost+found'));
    await mkdir(join(parent, 'lock'));
    await writeFile(join(parent, 'version.tmp'), '');
    expect((await openFolder(parent)).fresh).toBe(true);
  });

  test('sees one folder under two names', async () => {
    const path = join(parent, 'a');
    await openFolder(path);
    await symlink(path, join(parent, 'link'));
    expect((await refusal(join(parent, 'link'))).code).toBe('FOLDER_HELD');
  });

  test('refuses a folder that holds something else, and leaves it as it was', async () => {
    await writeFile(join(parent, 'thesis.tex'), '');
    await chmod(parent, 0o755);
    const error = await refusal(parent);
    expect(error.code).toBe('FOLDER_FOREIGN');
    expect(error.message).toContain('"thesis.tex"');
    expect(await readdir(parent)).toEqual(['thesis.tex']);
    expect((await stat(parent)).mode & 0o777).toBe(0o755);
  });

  test.each(['', 'loom-data 0\n', 'loom-data -1', 'v20', 'loom-data 1\nmore', '\0'])(
    'refuses a version file that holds %j',
    async (text) => {
      await writeFile(join(parent, 'version'), text);
      expect((await refusal(parent)).code).toBe('FOLDER_FOREIGN');
    },
  );

  test('refuses a folder named version', async () => {
    await mkdir(join(parent, 'version'));
    expect((await refusal(parent)).code).toBe('FOLDER_FOREIGN');
  });

  test('refuses a folder of a newer Loom and names both formats', async () => {
    await writeFile(join(parent, 'version'), 'loom-data 2\n');
    const error = await refusal(parent);
    expect(error.code).toBe('DATA_VERSION');
    expect(error.details).toEqual({ folder: parent, format: 2, supported: 1 });
    expect(await readdir(parent)).toEqual(['version']);
  });

  test('refuses a path that is a file, or goes through one', async () => {
    await writeFile(join(parent, 'file'), '');
    expect((await refusal(join(parent, 'file'))).code).toBe('FOLDER_FOREIGN');
    expect((await refusal(join(parent, 'file', 'below'))).code).toBe('FOLDER_FOREIGN');
  });

  test.each([
    ['EACCES', 'DISK_DENIED'],
    ['EROFS', 'DISK_DENIED'],
    ['ENOSPC', 'DISK_FULL'],
    ['EIO', 'DISK_IO'],
  ])('names what the system refuses with %s', (code, expected) => {
    const error = folderFault('/data', Object.assign(new Error('refused'), { code }));
    expect([error.code, error.details['folder']]).toEqual([expected, '/data']);
  });
});

import { once } from 'node:events';
import { link, mkdir, mkdtemp, readdir, readFile, realpath, rm, unlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FolderLock, holdFolder } from '../../src/node/folder-lock.ts';
import { connectFolder } from '../../src/node/folder-lock-connect.ts';
import { longestSocketPathBytes } from '../../src/node/folder-lock-socket.ts';
import { processStart } from '../../src/node/process-start.ts';

let parent = '';
let held: FolderLock[] = [];

beforeEach(async () => {
  parent = await realpath(await mkdtemp(join(tmpdir(), 'loom-lock-')));
  held = [];
});

afterEach(async () => {
  for (const lock of held) await lock.release();
  await rm(parent, { recursive: true, force: true });
});

async function hold(folder = parent, environment: NodeJS.ProcessEnv = {}): Promise<FolderLock> {
  const lock = await holdFolder(folder, { version: '1.0.0', environment });
  held.push(lock);
  return lock;
}

async function claims(): Promise<readonly string[]> {
  return (await readdir(join(parent, 'lock'))).filter((name) => name.endsWith('.claim')).sort();
}

async function placeStale(generation: number, more: Record<string, unknown>): Promise<void> {
  await mkdir(join(parent, 'lock'), { recursive: true });
  const claim = {
    generation,
    pid: process.pid,
    version: '0.9.0',
    started: 'then',
    socket: '/nowhere/x.sock',
    ...more,
  };
  await writeFile(join(parent, 'lock', `${generation}.claim`), JSON.stringify(claim));
}

describe('holding', () => {
  test('excludes everybody else and names the holder', async () => {
    const lock = await hold();
    await expect(hold()).rejects.toMatchObject({
      code: 'FOLDER_HELD',
      details: { folder: parent, pid: process.pid, socket: lock.holder.socket },
    });
    await expect(hold()).rejects.toThrow(
      `held by process ${process.pid} (Loom 1.0.0, started ${lock.holder.started}`,
    );
  });

  test('of many starters in one process lets exactly one win, round after round', async () => {
    for (let round = 1; round <= 10; round++) {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => hold()));
      const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      expect(winners.length, `round ${round}`).toBe(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'FOLDER_HELD' });
      }
      expect(await claims()).toEqual([`${round}.claim`]);
      await winners[0]?.value.release();
    }
  });

  test('leaves nothing behind but its generation', async () => {
    const lock = await hold();
    await Promise.all([lock.release(), lock.release()]);
    expect(await readdir(parent)).toEqual(['lock']);
    expect(await readdir(join(parent, 'lock'))).toEqual(['1.claim']);
    await hold();
    expect(await claims()).toEqual(['2.claim']);
  });
});

describe('taking over', () => {
  test('clears a claim whose socket refuses, and the dead socket', async () => {
    const path = join(parent, 'lock', '0badcafe.sock');
    await mkdir(join(parent, 'lock'));
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    // The copy of a bound socket's name outlives close(), as it does kill -9.
    await link(path, join(parent, 'lock', 'deadbeef.sock'));
    server.close();
    await placeStale(7, { socket: join(parent, 'lock', 'deadbeef.sock') });
    await hold();
    expect(await claims()).toEqual(['8.claim']);
    expect(await readdir(join(parent, 'lock'))).not.toContain('deadbeef.sock');
  });

  test('never removes what a claim only calls its socket', async () => {
    const precious = join(parent, 'lock', 'precious.txt');
    await placeStale(1, { socket: precious });
    await writeFile(precious, 'kept');
    await hold();
    expect(await readFile(precious, 'utf8')).toBe('kept');
  });

  test('is refused while the process lives, though its socket was removed', async () => {
    const lock = await hold();
    await unlink(lock.holder.socket);
    await expect(hold()).rejects.toMatchObject({ code: 'FOLDER_HELD' });
  });

  test('is not stopped by a later process with the same id, where the system tells them apart', async () => {
    await placeStale(1, { processStart: 'another boot 17' });
    const told = processStart(process.pid) !== '';
    await (told ? hold() : expect(hold()).rejects.toMatchObject({ code: 'FOLDER_HELD' }));
    expect(await claims()).toEqual([told ? '2.claim' : '1.claim']);
  });

  test.each(['', '{', 'null', '{}', '{"pid":"1","socket":"x","version":"1","started":"x"}', '{"pid":-1}'])(
    'is refused when the claim reads %j',
    async (text) => {
      await placeStale(1, {});
      await writeFile(join(parent, 'lock', '1.claim'), text);
      await expect(hold()).rejects.toMatchObject({ code: 'FOLDER_FOREIGN' });
    },
  );
});

describe('the socket', () => {
  test('lies in the runtime folder when the path would be cut', async () => {
    const folder = join(parent, 'x'.repeat(longestSocketPathBytes));
    const runtime = join(parent, 'run');
    await mkdir(folder);
    const lock = await hold(folder, { XDG_RUNTIME_DIR: runtime });
    expect(lock.holder.socket.startsWith(join(runtime, 'loom'))).toBe(true);
    await expect(hold(folder, { XDG_RUNTIME_DIR: join(parent, 'other') })).rejects.toMatchObject({
      code: 'FOLDER_HELD',
    });
  });

  test('never lies in a runtime folder that others may write to', async () => {
    const folder = join(parent, 'x'.repeat(longestSocketPathBytes));
    const runtime = join(parent, 'run');
    await mkdir(folder);
    await mkdir(join(runtime, 'loom'), { recursive: true, mode: 0o755 });
    const lock = await hold(folder, { XDG_RUNTIME_DIR: runtime });
    expect(lock.holder.socket.startsWith(runtime)).toBe(false);
  });

  test('serves callers, also those that came before anyone served', async () => {
    const lock = await hold();
    const early = await connectFolder(parent);
    expect(early.holder).toEqual(lock.holder);
    lock.serve((socket) => socket.end('hello'));
    const late = await connectFolder(parent);
    expect(await Promise.all([early, late].map(({ socket }) => everything(socket)))).toEqual([
      'hello',
      'hello',
    ]);
  });

  test('ends connections with the lock', async () => {
    const lock = await hold();
    const { socket } = await connectFolder(parent);
    lock.serve((accepted) => accepted.resume());
    socket.resume();
    await Promise.all([once(socket, 'close'), lock.release()]);
  });

  test('bears callers that go away at once', async () => {
    const lock = await hold();
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        const socket = connect(lock.holder.socket);
        // Callers beyond the limit are cut off; this test is about the server.
        socket.on('error', () => socket.destroy());
        await once(socket, 'connect');
        socket.destroy();
      }),
    );
    await expect(hold()).rejects.toMatchObject({ code: 'FOLDER_HELD' });
  });
});

describe('connectFolder', () => {
  test('says NOT_RUNNING of a folder that nobody holds, or that is none', async () => {
    await writeFile(join(parent, 'file'), '');
    for (const folder of [parent, join(parent, 'missing'), join(parent, 'file')]) {
      await expect(connectFolder(folder)).rejects.toMatchObject({ code: 'NOT_RUNNING', details: { folder } });
    }
  });

  test('says NOT_RUNNING of a holder that is gone, and names it', async () => {
    const holder = { pid: 4711, socket: join(parent, 'gone.sock'), version: '1.0.0', started: 'then' };
    await writeFile(join(parent, 'loom.lock'), JSON.stringify(holder));
    await expect(connectFolder(parent)).rejects.toMatchObject({
      code: 'NOT_RUNNING',
      details: { pid: 4711 },
    });
  });
});

async function everything(socket: Socket): Promise<string> {
  let text = '';
  for await (const part of socket) text += String(part);
  return text;
}

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LoomError } from '../../src/ports/loom-error.ts';
import { helloContent, packetHead } from '../../src/transport/socket/packet.ts';
import { connectSocket } from '../../src/transport/socket/socket-client.ts';
import { SocketHub, type SocketHubOptions } from '../../src/transport/socket/socket-hub.ts';

interface Ending {
  readonly node: string | undefined;
  readonly code: string | undefined;
}

let folder: string;
let path: string;
let hub: SocketHub | undefined;
let endings: Ending[];
let received: { readonly from: string; readonly frame: Uint8Array }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loom-'));
  path = join(folder, 's');
  endings = [];
  received = [];
});

afterEach(async () => {
  await hub?.close();
  hub = undefined;
  await rm(folder, { recursive: true });
});

async function listen(options: Partial<SocketHubOptions> = {}): Promise<SocketHub> {
  hub = await SocketHub.listen({
    path,
    disconnected: (node, error) => {
      endings.push({ node, code: error?.code });
    },
    ...options,
  });
  return hub;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof LoomError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

const recorder = {
  receive(from: string, frame: Uint8Array): void {
    received.push({ from, frame });
  },
};

/** A bare socket that has said hello as `node`. */
async function rawClient(node: string): Promise<Socket> {
  const socket = createConnection(path);
  socket.on('error', (error) => expect(error).toBeInstanceOf(Error));
  const hello = helloContent();
  socket.write(packetHead('hello', node, hello.length));
  socket.write(hello);
  await new Promise((resolve) => socket.once('data', resolve));
  return socket;
}

function packet(name: string, content: Uint8Array): Buffer {
  return Buffer.concat([packetHead('frame', name, content.length), content]);
}

describe('the socket of a hub', () => {
  it('is for its owner alone and is removed at the end', async () => {
    await listen();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await hub?.close();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('refuses a path that systems would cut', async () => {
    const long = join(folder, 'x'.repeat(104));
    expect(await codeOf(SocketHub.listen({ path: long }))).toBe('SOCKET_PATH_TOO_LONG');
    expect(await codeOf(connectSocket({ path: long, node: 'c' }))).toBe('SOCKET_PATH_TOO_LONG');
    const bytes = Buffer.byteLength(folder) + 1;
    const longest = join(folder, 'x'.repeat(103 - bytes));
    const fits = await SocketHub.listen({ path: longest });
    await fits.close();
    expect(await codeOf(SocketHub.listen({ path: `${longest}x` }))).toBe('SOCKET_PATH_TOO_LONG');
    expect(await codeOf(SocketHub.listen({ path: `${longest.slice(0, -1)}é` }))).toBe('SOCKET_PATH_TOO_LONG');
  });

  it('is taken by one process at a time', async () => {
    await listen();
    expect(await codeOf(SocketHub.listen({ path }))).toBe('SOCKET_IN_USE');
  });

  it('needs a folder', async () => {
    expect(await codeOf(SocketHub.listen({ path: join(folder, 'no', 's') }))).not.toBe('none');
  });

  it('closes while a client does not read', async () => {
    await listen();
    const attached = hub?.attach('a', recorder);
    const lazy = await rawClient('lazy');
    lazy.pause();
    for (let i = 0; i < 20; i++) attached?.send('lazy', new Uint8Array(400_000));
    await hub?.close();
    lazy.destroy();
  });
});

describe('a client of a hub', () => {
  it('learns that nothing listens', async () => {
    expect(await codeOf(connectSocket({ path, node: 'c' }))).toBe('SOCKET_UNREACHABLE');
    await listen();
    await hub?.close();
    expect(await codeOf(connectSocket({ path, node: 'c' }))).toBe('SOCKET_UNREACHABLE');
  });

  it('does not wait for ever for a welcome', async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(path, resolve));
    expect(await codeOf(connectSocket({ path, node: 'c', connectWithinMs: 20 }))).toBe('SOCKET_UNREACHABLE');
    mute.close();
  });

  it('is refused under a name in use, with the reason', async () => {
    await listen();
    hub?.attach('aws-1', recorder);
    const first = await connectSocket({ path, node: 'c' });
    await expect(connectSocket({ path, node: 'c' })).rejects.toThrow('the name c is in use');
    await expect(connectSocket({ path, node: 'aws-1' })).rejects.toThrow('SOCKET_REFUSED');
    expect(() => hub?.attach('c', recorder)).toThrow('INVALID_DEFINITION');
    first.close();
    await until(() => endings.some(({ node }) => node === 'c'));
    const second = await connectSocket({ path, node: 'c' });
    second.close();
  });

  it('is refused when there are too many', async () => {
    await listen({ maxClients: 1 });
    const first = await connectSocket({ path, node: 'c1' });
    await expect(connectSocket({ path, node: 'c2' })).rejects.toThrow('too many clients');
    first.close();
  });

  it('is for the one node that it named', async () => {
    await listen();
    const client = await connectSocket({ path, node: 'c' });
    expect(() => client.attach('d', recorder)).toThrow('INVALID_DEFINITION');
    client.attach('c', recorder);
    expect(() => client.attach('c', recorder)).toThrow('INVALID_DEFINITION');
    client.close();
    expect(await codeOf(connectSocket({ path, node: '' }))).toBe('INVALID_DEFINITION');
    expect(await codeOf(connectSocket({ path, node: 'x'.repeat(256) }))).toBe('INVALID_DEFINITION');
  });

  it('is told that its peers are gone when the hub ends', async () => {
    await listen();
    hub?.attach('a', recorder);
    const gone: string[] = [];
    let ended = false;
    const client = await connectSocket({ path, node: 'c', ended: () => (ended = true) });
    const attached = client.attach('c', {
      receive() {},
      peerGone: (peer) => {
        gone.push(peer);
      },
    });
    attached.send('a', Uint8Array.from([1]));
    await until(() => received.length === 1);
    await hub?.close();
    await until(() => ended);
    expect(gone).toEqual(['a']);
    expect(attached.send('a', Uint8Array.from([2]))).toBe('no-route');
  });

  it('gets what was sent together with its welcome', async () => {
    await listen({
      connected: (node) => {
        attached?.send(node, Uint8Array.from([7]));
      },
    });
    const attached = hub?.attach('a', recorder);
    const client = await connectSocket({ path, node: 'c' });
    await new Promise((resolve) => setImmediate(resolve));
    client.attach('c', recorder);
    await until(() => received.length === 1);
    expect([...(received[0]?.frame ?? [])]).toEqual([7]);
    client.close();
  });
});

describe('a hub with a client that does wrong', () => {
  it('takes frames in pieces of any size', async () => {
    await listen();
    hub?.attach('a', recorder);
    const socket = await rawClient('c');
    const bytes = Buffer.concat(
      [1, 2, 300].map((size) => packet('a', new Uint8Array(size).fill(size & 0xff))),
    );
    for (const byte of bytes) {
      socket.write(Uint8Array.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => received.length === 3);
    expect(received.map(({ frame }) => [frame.length, frame[0]])).toEqual([
      [1, 1],
      [2, 2],
      [300, 44],
    ]);
    socket.destroy();
  });

  it.each<[string, Uint8Array, string]>([
    ['announces more than a frame', Uint8Array.from([0, 0, 0, 0xff]), 'FRAME_TOO_LARGE'],
    ['announces less than a head', Uint8Array.from([1, 0, 0, 0, 3]), 'FRAME_MALFORMED'],
    ['sends an unknown kind', Uint8Array.from([2, 0, 0, 0, 99, 0]), 'FRAME_MALFORMED'],
    ['names more than it sends', Uint8Array.from([2, 0, 0, 0, 3, 9]), 'FRAME_MALFORMED'],
    ['says hello twice', packetHead('hello', 'c', 0), 'FRAME_MALFORMED'],
  ])('drops one that %s', async (_, bytes, code) => {
    await listen();
    const socket = await rawClient('c');
    socket.write(bytes);
    await until(() => endings.length === 1);
    expect(endings).toEqual([{ node: 'c', code }]);
    socket.destroy();
  });

  it.each<[string, Buffer]>([
    ['no hello', packet('a', Uint8Array.from([1]))],
    ['a hello of another version', Buffer.concat([packetHead('hello', 'c', 5), Buffer.from('LOOM\x09')])],
    ['a hello without the word', Buffer.concat([packetHead('hello', 'c', 5), Buffer.from('LOAM\x01')])],
    ['a hello without a name', Buffer.concat([packetHead('hello', '', 5), Buffer.from('LOOM\x01')])],
    ['an empty hello', Buffer.from(packetHead('hello', 'c', 0))],
  ])('refuses %s', async (_, bytes) => {
    await listen();
    const socket = createConnection(path);
    let answer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
    });
    socket.write(bytes);
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer[4]).toBe(2);
    expect(endings).toEqual([{ node: undefined, code: 'SOCKET_REFUSED' }]);
  });

  it('drops one that says nothing', async () => {
    await listen({ helloWithinMs: 10 });
    const socket = createConnection(path);
    socket.on('error', (error) => expect(error).toBeInstanceOf(Error));
    await new Promise((resolve) => socket.once('close', resolve));
    await until(() => endings.length === 1);
    expect(endings).toEqual([{ node: undefined, code: 'SOCKET_REFUSED' }]);
  });

  it('drops a slow reader, tells the nodes, and keeps no more than its bound', async () => {
    const gone: string[] = [];
    await listen({ maxBufferedBytes: 1024 * 1024 });
    const attached = hub?.attach('a', {
      receive() {},
      peerGone: (peer) => {
        gone.push(peer);
      },
    });
    const socket = await rawClient('slow');
    socket.pause();
    let sent = 0;
    while (attached?.send('slow', new Uint8Array(100_000)) === 'sent') sent++;
    // Nothing is called back from inside send.
    expect(gone).toEqual([]);
    expect(sent * 100_000).toBeLessThan(2_000_000);
    await until(() => gone.length === 1);
    expect(endings).toEqual([{ node: 'slow', code: 'SLOW_READER' }]);
    expect(attached?.send('slow', Uint8Array.from([1]))).toBe('no-route');
    socket.destroy();
  });
});

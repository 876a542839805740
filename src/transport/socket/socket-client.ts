import { createConnection, type Socket } from 'node:net';
import { LoomError } from '../../ports/loom-error.ts';
import type { Transport, TransportAttachment, TransportListener } from '../../ports/transport.ts';
import { checkFrameSize } from './check-frame-size.ts';
import { Connection, defaultMaxBufferedBytes } from './connection.ts';
import { helloContent, maxNameBytes, type Packet } from './packet.ts';
import { socketError } from './socket-error.ts';
import { checkSocketPath } from './socket-path.ts';

export interface SocketClientOptions {
  readonly path: string;
  /** A connection to the path that stands already; one is made when absent. It belongs to the client from now on. */
  readonly socket?: Socket;
  /** The one node that this connection is for; the name must not be in use at the hub. */
  readonly node: string;
  /** Bytes that may wait for the hub before the connection is dropped with SLOW_READER. Default 8 MiB. */
  readonly maxBufferedBytes?: number;
  /** Connect and welcome together. Default 2,000 ms. */
  readonly connectWithinMs?: number;
  /** The connection has ended and no `close` was called. */
  ended?(error: LoomError | undefined): void;
}

/**
 * The transport of a process that connects to a hub. It carries the frames of one node; after the connection has
 * ended every peer is gone and every send answers 'no-route'.
 */
export class SocketClient implements Transport {
  readonly node: string;
  readonly #connection: Connection;
  readonly #ended: SocketClientOptions['ended'];
  /** Peers that were heard or written to: they are gone when the connection is. */
  readonly #peers: Set<string> = new Set();
  /** What came in one piece with the welcome, before anybody was attached. */
  #early: Packet[] | undefined = [];
  #listener: TransportListener | undefined = undefined;

  constructor(connection: Connection, options: SocketClientOptions) {
    this.node = options.node;
    this.#connection = connection;
    this.#ended = options.ended;
    connection.pause();
    connection.listen({
      received: (packet) => this.#onPacket(packet),
      ended: (error) => this.#onEnd(error),
    });
  }

  /** INVALID_DEFINITION for another name than the one that was connected, or a second listener. */
  attach(node: string, listener: TransportListener): TransportAttachment {
    if (node !== this.node || this.#listener !== undefined) {
      throw new LoomError('INVALID_DEFINITION', `the connection is for ${this.node} alone`, {
        details: { node },
      });
    }
    this.#listener = listener;
    setImmediate(() => this.#begin());
    return {
      send: (to, frame) => {
        checkFrameSize(frame);
        if (!this.#connection.send('frame', to, frame)) return 'no-route';
        this.#peers.add(to);
        return 'sent';
      },
      close: () => this.close(),
    };
  }

  /** Ends the connection in good order. */
  close(): void {
    this.#early = undefined;
    this.#listener = undefined;
    this.#connection.close();
  }

  #begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const packet of early) this.#onPacket(packet);
    this.#connection.resume();
  }

  #onPacket(packet: Packet): void {
    if (this.#early !== undefined) {
      this.#early.push(packet);
      return;
    }
    if (packet.kind === 'frame') {
      this.#peers.add(packet.name);
      this.#listener?.receive(packet.name, packet.content);
    } else if (packet.kind === 'gone') {
      this.#peers.delete(packet.name);
      this.#listener?.peerGone?.(packet.name);
    } else {
      this.#connection.drop(
        new LoomError('FRAME_MALFORMED', `the hub sent ${packet.kind} after its welcome`),
      );
    }
  }

  #onEnd(error: LoomError | undefined): void {
    for (const peer of this.#peers) this.#listener?.peerGone?.(peer);
    this.#peers.clear();
    this.#ended?.(error);
  }
}

/**
 * Connects to a hub as a node. SOCKET_PATH_TOO_LONG, SOCKET_UNREACHABLE (nothing listens, or it does not answer in
 * time), SOCKET_DENIED, or SOCKET_REFUSED with the hub's reason.
 */
export async function connectSocket(options: SocketClientOptions): Promise<SocketClient> {
  const { path, node } = options;
  checkSocketPath(path);
  if (node === '' || Buffer.byteLength(node) > maxNameBytes) {
    throw new LoomError('INVALID_DEFINITION', `a node’s name has 1 to ${maxNameBytes} bytes`);
  }
  const socket = options.socket ?? createConnection(path);
  const connection = new Connection(socket, options.maxBufferedBytes ?? defaultMaxBufferedBytes);
  return new Promise<SocketClient>((resolve, reject) => {
    const fail = (error: LoomError): void => {
      clearTimeout(timer);
      connection.close();
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(new LoomError('SOCKET_UNREACHABLE', `${path} does not answer`, { details: { path } }));
    }, options.connectWithinMs ?? 2000);
    connection.listen({
      received: (packet) => {
        if (packet.kind !== 'welcome') {
          fail(new LoomError('SOCKET_REFUSED', Buffer.from(packet.content).toString()));
          return;
        }
        clearTimeout(timer);
        resolve(new SocketClient(connection, options));
      },
      ended: (error) => {
        const cause = error?.cause;
        if (cause instanceof Error) fail(socketError(cause, path));
        else fail(error ?? new LoomError('SOCKET_REFUSED', `${path} closed the connection`));
      },
    });
    connection.send('hello', node, helloContent());
  });
}

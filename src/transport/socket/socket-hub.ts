import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { LoomError } from '../../ports/loom-error.ts';
import type {
  SendOutcome,
  Transport,
  TransportAttachment,
  TransportListener,
} from '../../ports/transport.ts';
import { MemoryTransport } from '../memory/memory-transport.ts';
import { checkFrameSize } from './check-frame-size.ts';
import { Connection, defaultMaxBufferedBytes } from './connection.ts';
import { helloRefusal, type Packet } from './packet.ts';
import { socketError } from './socket-error.ts';
import { checkSocketPath } from './socket-path.ts';

export interface SocketHubOptions {
  /** Under 104 bytes. The file is made for its owner alone (0600) and removed at close. */
  readonly path: string;
  /** Bytes that may wait for one client before it is dropped with SLOW_READER. Default 8 MiB. */
  readonly maxBufferedBytes?: number;
  /** Clients at one time; more are refused. Default 256. */
  readonly maxClients?: number;
  /** A connection that has not said hello by then is dropped. Default 2,000 ms. */
  readonly helloWithinMs?: number;
  connected?(node: string): void;
  /** `error` is absent when the client left in good order. A connection that never said hello has no node. */
  disconnected?(node: string | undefined, error: LoomError | undefined): void;
}

/**
 * The transport of a process that listens on a Unix socket. Nodes are attached here, in this process, or by clients
 * that connect (`connectSocket`); the hub carries frames between all of them.
 *
 * H1. A name belongs to one node: a hello under a name in use is refused.
 * H2. A frame to a name that is not here is answered with `gone`; so is the end of a client, to everyone.
 */
export class SocketHub implements Transport {
  readonly path: string;
  readonly #options: SocketHubOptions;
  #server: Server | undefined = undefined;
  readonly #local: MemoryTransport = new MemoryTransport();
  readonly #listeners: Map<string, TransportListener> = new Map();
  readonly #clients: Map<string, Connection> = new Map();
  readonly #connections: Set<Connection> = new Set();
  #open = false;

  private constructor(options: SocketHubOptions) {
    this.path = options.path;
    this.#options = options;
  }

  /** SOCKET_PATH_TOO_LONG, SOCKET_IN_USE, or SOCKET_DENIED (what systems answer when there is no folder, too). */
  static async listen(options: SocketHubOptions): Promise<SocketHub> {
    checkSocketPath(options.path);
    const hub = new SocketHub(options);
    await hub.#listen();
    return hub;
  }

  /**
   * A hub over a socket that someone else holds (a data folder's lock): `serve` hands its connections over. The socket
   * and its file stay the other one's to close.
   */
  static over(options: SocketHubOptions, serve: (accept: (socket: Socket) => void) => void): SocketHub {
    const hub = new SocketHub(options);
    hub.#open = true;
    serve((socket) => {
      if (hub.#open) hub.#accept(socket);
      else socket.destroy();
    });
    return hub;
  }

  attach(node: string, listener: TransportListener): TransportAttachment {
    if (this.#clients.has(node)) {
      throw new LoomError('INVALID_DEFINITION', `a client holds the name ${node}`, { details: { node } });
    }
    const local = this.#local.attach(node, listener);
    this.#listeners.set(node, listener);
    return {
      send: (to, frame) => {
        checkFrameSize(frame);
        if (this.#listeners.get(node) !== listener) return 'no-route';
        const client = this.#clients.get(to);
        if (client === undefined) return local.send(to, frame);
        return sendFrame(client, node, frame);
      },
      close: () => {
        if (this.#listeners.get(node) !== listener) return;
        this.#listeners.delete(node);
        local.close();
        this.#tellClients(node);
      },
    };
  }

  /** Ends every connection, takes no more and removes the socket. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    this.#clients.clear();
    const server = this.#server;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async #listen(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error): void => reject(socketError(error, this.path));
      server.once('error', refuse);
      server.listen(this.path, () => {
        server.off('error', refuse);
        resolve();
      });
    });
    // From now on: a connection that could not be taken (no file handles left). The server goes on.
    server.on('error', (error) => this.#options.disconnected?.(undefined, socketError(error, this.path)));
    try {
      await chmod(this.path, 0o600);
    } catch (thrown) {
      server.close();
      throw LoomError.from(thrown, 'SOCKET_DENIED');
    }
    // Whoever connected before the mode was set may not be the owner.
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    this.#open = true;
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this.#options.maxBufferedBytes ?? defaultMaxBufferedBytes);
    this.#connections.add(connection);
    let node: string | undefined;
    const timer = setTimeout(() => {
      connection.drop(new LoomError('SOCKET_REFUSED', 'the connection said no hello in time'));
    }, this.#options.helloWithinMs ?? 2000);
    connection.listen({
      received: (packet) => {
        if (node !== undefined) {
          this.#onPacket(node, connection, packet);
          return;
        }
        clearTimeout(timer);
        if (this.#welcome(connection, packet)) node = packet.name;
      },
      ended: (error) => {
        clearTimeout(timer);
        this.#connections.delete(connection);
        if (node !== undefined) this.#leave(node, connection);
        this.#options.disconnected?.(node, error);
      },
    });
  }

  #welcome(connection: Connection, packet: Packet): boolean {
    const refusal = helloRefusal(packet) ?? this.#noRoomFor(packet.name);
    if (refusal === undefined) {
      this.#clients.set(packet.name, connection);
      connection.send('welcome', '', noContent);
      this.#options.connected?.(packet.name);
      return true;
    }
    connection.send('refused', '', Buffer.from(refusal));
    connection.close();
    this.#connections.delete(connection);
    this.#options.disconnected?.(undefined, new LoomError('SOCKET_REFUSED', refusal));
    return false;
  }

  #noRoomFor(node: string): string | undefined {
    if (!this.#open) return 'the node is not ready';
    if (this.#clients.has(node) || this.#listeners.has(node)) return `the name ${node} is in use`;
    return this.#clients.size >= (this.#options.maxClients ?? 256) ? 'there are too many clients' : undefined;
  }

  #onPacket(from: string, connection: Connection, packet: Packet): void {
    if (packet.kind !== 'frame') {
      connection.drop(new LoomError('FRAME_MALFORMED', `a client sent ${packet.kind} after its hello`));
      return;
    }
    const listener = this.#listeners.get(packet.name);
    if (listener !== undefined) {
      listener.receive(from, packet.content);
      return;
    }
    const client = this.#clients.get(packet.name);
    if (client === undefined || sendFrame(client, from, packet.content) === 'no-route') {
      connection.send('gone', packet.name, noContent);
    }
  }

  #leave(node: string, connection: Connection): void {
    if (this.#clients.get(node) !== connection) return;
    this.#clients.delete(node);
    for (const listener of this.#listeners.values()) listener.peerGone?.(node);
    this.#tellClients(node);
  }

  #tellClients(gone: string): void {
    for (const client of this.#clients.values()) client.send('gone', gone, noContent);
  }
}

function sendFrame(client: Connection, from: string, frame: Uint8Array): SendOutcome {
  return client.send('frame', from, frame) ? 'sent' : 'no-route';
}

const noContent = new Uint8Array(0);

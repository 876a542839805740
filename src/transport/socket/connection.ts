import type { Socket } from 'node:net';
import { LoomError } from '../../ports/loom-error.ts';
import { type Packet, type PacketKind, PacketReader, packetHead } from './packet.ts';

/** What a connection tells its owner. `ended` comes once, after it nothing comes. */
export interface ConnectionListener {
  received(packet: Packet): void;
  /** `error` is absent when either end closed in good order. */
  ended(error: LoomError | undefined): void;
}

/**
 * One end of a socket as packets. Packets of one turn of the event loop leave in one write; what the other end does
 * not read is kept up to `maxBufferedBytes`, then the connection is dropped with SLOW_READER.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #maxBufferedBytes: number;
  readonly #reader: PacketReader = new PacketReader();
  #listener: ConnectionListener | undefined = undefined;
  #corked = false;
  #closed = false;

  /** The socket is read from the moment at which `listen` is called. */
  constructor(socket: Socket, maxBufferedBytes: number) {
    this.#socket = socket;
    this.#maxBufferedBytes = maxBufferedBytes;
    socket.setNoDelay(true);
  }

  listen(listener: ConnectionListener): void {
    const first = this.#listener === undefined;
    this.#listener = listener;
    if (!first) return;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#end(LoomError.from(error, 'SOCKET_BROKEN')));
    socket.on('close', () => this.#end(undefined));
  }

  /** Reading stops: the operating system keeps what comes, and then the other end waits. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  send(kind: PacketKind, name: string, content: Uint8Array): boolean {
    if (this.#closed || this.#socket.destroyed) return false;
    const buffered = this.#socket.writableLength;
    if (buffered > this.#maxBufferedBytes) {
      this.drop(new LoomError('SLOW_READER', `${buffered} bytes wait to be read`, { details: { buffered } }));
      return false;
    }
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(packetHead(kind, name, content.length));
    if (content.length > 0) this.#socket.write(content);
    return true;
  }

  /** Ends the connection; the owner is told `error` in a later turn, never from inside the call. */
  drop(error: LoomError): void {
    this.#socket.destroy(error);
  }

  /** Sends what is written already, then ends. The owner is told nothing more. */
  close(): void {
    this.#listener = undefined;
    this.#closed = true;
    this.#socket.destroySoon();
    // A reader that does not read must not hold up the end.
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }

  #read(chunk: Uint8Array): void {
    try {
      for (const packet of this.#reader.read(chunk)) {
        this.#listener?.received(packet);
        if (this.#closed || this.#socket.destroyed) return;
      }
    } catch (thrown) {
      if (!(thrown instanceof LoomError)) throw thrown;
      this.drop(thrown);
    }
  }

  #end(error: LoomError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener?.ended(error);
  }
}

const lingerMs = 1000;

/** Bytes that may wait for a slow reader when nothing else is said. */
export const defaultMaxBufferedBytes: number = 8 * 1024 * 1024;

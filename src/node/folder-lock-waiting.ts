import type { Server, Socket } from 'node:net';
import { LoomError } from '../ports/loom-error.ts';

/** Callers that came before anyone serves them; more than this at once is nobody's command line. */
const mostWaiting = 64;

/** The connections of the lock's socket: kept until someone serves them, ended with the lock. */
export class WaitingRoom {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #waiting = new Set<Socket>();
  #accept: ((socket: Socket) => void) | undefined;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#arrive(socket));
  }

  /** The listening descriptor, which child processes inherit by number. */
  get descriptor(): number {
    const handle = (this.#server as unknown as { readonly _handle: { readonly fd?: number } | null })._handle;
    if (handle?.fd === undefined) throw new LoomError('INTERNAL', 'the lock’s socket has no descriptor');
    return handle.fd;
  }

  serve(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#waiting) accept(socket);
    this.#waiting.clear();
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #arrive(socket: Socket): void {
    this.#open.add(socket);
    socket.on('close', () => {
      this.#open.delete(socket);
      this.#waiting.delete(socket);
    });
    // A caller that goes away is no fault of ours; whoever serves it adds a listener for what it wants to know.
    socket.on('error', () => socket.destroy());
    if (this.#accept !== undefined) this.#accept(socket);
    else if (this.#waiting.size < mostWaiting) this.#waiting.add(socket);
    else socket.destroy();
  }
}

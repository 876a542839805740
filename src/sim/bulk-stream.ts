import type { BulkBlock, BulkSource } from '../ports/bulk.ts';
import type { TimerHandle } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { ProcessClock } from '../runtime/simulation/virtual-time.ts';

/** One end of a stream. */
export interface Side {
  readonly node: string;
  readonly process: ProcessClock;
}

export type Arrive = (block: BulkBlock | undefined) => void;

export type StreamEnd = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: LoomError };

/** What a stream needs of the plane. */
export interface StreamHost {
  /** Brings something to the other end, in order. */
  carry(from: Side, to: Side, block: BulkBlock | undefined, arrive: Arrive): void;
  /** At the offering side: what is offered, or undefined. */
  source(): BulkSource | undefined;
  peerLives(): boolean;
  ended(): void;
}

type Waiting = {
  resolve(result: IteratorResult<BulkBlock, undefined>): void;
  reject(error: LoomError): void;
};

/** One pull: the reader's end, as an iterator, and the offering end, which sends as far as it has credit. */
export class BulkStream implements AsyncIterator<BulkBlock, undefined> {
  readonly #reader: Side;
  readonly #sender: Side;
  readonly #signal: AbortSignal;
  readonly #host: StreamHost;
  readonly #freeAtMs = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #arrived: BulkBlock[] = [];
  #end: StreamEnd | undefined;
  /** The end that the sender told, which counts once the blocks before it are read. */
  #told: StreamEnd | undefined;
  #waiting: Waiting | undefined;
  #silence: TimerHandle | undefined;
  #credit = window;
  #creditCame: (() => void) | undefined;
  #sending: AsyncIterator<BulkBlock> | undefined;
  readonly #aborted = (): void => {
    this.end({ kind: 'failed', error: LoomError.from(this.#signal.reason, 'CANCELLED') });
  };

  constructor(reader: Side, sender: Side, signal: AbortSignal, host: StreamHost) {
    this.#reader = reader;
    this.#sender = sender;
    this.#signal = signal;
    this.#host = host;
  }

  get over(): boolean {
    return this.#end !== undefined;
  }

  /** Asks the other side to send; `unknown` is what it answers when it has nothing under the ticket. */
  open(fromBlock: number, unknown: LoomError): void {
    if (this.#signal.aborted) {
      this.#aborted();
      return;
    }
    this.#signal.addEventListener('abort', this.#aborted);
    this.#host.carry(this.#reader, this.#sender, undefined, () => {
      if (!this.#host.peerLives()) {
        this.refuse(peerGone(this.#sender.node, 'it is not attached'));
        return;
      }
      const source = this.#host.source();
      if (source === undefined) this.refuse(unknown);
      else void this.#send(source, fromBlock);
    });
  }

  /** Keeps each direction in order: when something sent from `from` arrives, at `leastMs` or behind what went before. */
  behind(from: string, leastMs: number, takesMs: number): number {
    const atMs = Math.max(leastMs, this.#freeAtMs.get(from) ?? 0) + takesMs;
    this.#freeAtMs.set(from, atMs);
    return atMs;
  }

  next(): Promise<IteratorResult<BulkBlock, undefined>> {
    if (this.#waiting !== undefined) {
      return Promise.reject(new LoomError('INTERNAL', 'a pull has one reader, one block at a time'));
    }
    const end = this.#end;
    if (end?.kind === 'failed') return Promise.reject(end.error);
    if (end?.kind === 'done') return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#serve();
      if (this.#waiting !== undefined) this.#listen(this.#reader.process.monotonicMs());
    });
  }

  return(): Promise<IteratorResult<BulkBlock, undefined>> {
    this.end({ kind: 'done' });
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The sending side ends the stream: the reader learns of it when the news arrives. */
  refuse(error: LoomError): void {
    this.#stop.abort(error);
    this.#tell({ kind: 'failed', error });
  }

  /** The reader's process is no more: the sender's end is told so by its system. */
  readerKilled(): void {
    if (this.#end !== undefined) return;
    this.#end = { kind: 'failed', error: peerGone(this.#reader.node, 'its process was killed') };
    this.#host.ended();
    this.#hangUp();
  }

  /** One side's attachment closed in good order. */
  attachmentClosed(side: Side): void {
    const error = peerGone(side.node, 'its attachment was closed');
    if (side === this.#reader) this.end({ kind: 'failed', error });
    else this.refuse(error);
  }

  end(end: StreamEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#silence?.cancel();
    this.#signal.removeEventListener('abort', this.#aborted);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (end.kind === 'failed') waiting?.reject(end.error);
    else waiting?.resolve({ done: true, value: undefined });
    this.#host.ended();
    this.#sender.process.after(hangUpMs, () => this.#hangUp());
  }

  /** How the source comes to rest is nobody's answer any more. */
  #hangUp(): void {
    this.#stop.abort(new LoomError('CANCELLED', 'the reader went away'));
    const came = this.#creditCame;
    this.#creditCame = undefined;
    came?.();
    this.#sending?.return?.().catch(() => undefined);
  }

  async #send(source: BulkSource, fromBlock: number): Promise<void> {
    try {
      this.#sending = source.blocks(fromBlock, this.#stop.signal)[Symbol.asyncIterator]();
      for (;;) {
        const next = await this.#sending.next();
        if (this.over || this.#stop.signal.aborted) return;
        if (next.done === true) break;
        while (this.#credit === 0) {
          await this.#creditComes();
          if (this.over || this.#stop.signal.aborted) return;
        }
        this.#credit--;
        this.#host.carry(this.#sender, this.#reader, next.value, (block) => {
          if (block !== undefined) this.#arrived.push(block);
          this.#serve();
        });
      }
      this.#tell({ kind: 'done' });
    } catch (thrown) {
      if (!this.#stop.signal.aborted) this.#tell({ kind: 'failed', error: LoomError.from(thrown) });
    }
  }

  #creditComes(): Promise<void> {
    return new Promise((resolve) => {
      this.#creditCame = resolve;
      const look = (): void => {
        if (this.#creditCame !== resolve) return;
        if (this.#reader.process.killed) this.readerKilled();
        else this.#sender.process.after(lookMs, look);
      };
      this.#sender.process.after(lookMs, look);
    });
  }

  #tell(end: StreamEnd): void {
    if (this.over) return;
    this.#host.carry(this.#sender, this.#reader, undefined, () => {
      this.#told = end;
      if (end.kind === 'failed') this.end(end);
      else this.#serve();
    });
  }

  /** Gives a waiting reader the next block, or the end. */
  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const block = this.#arrived.shift();
    if (block !== undefined) {
      this.#waiting = undefined;
      this.#silence?.cancel();
      waiting.resolve({ done: false, value: block });
      this.#host.carry(this.#reader, this.#sender, undefined, () => {
        this.#credit++;
        const came = this.#creditCame;
        this.#creditCame = undefined;
        came?.();
      });
    } else if (this.#told !== undefined) {
      this.end(this.#told);
    }
  }

  /** Gives up a peer that is known to be gone, or that is silent for too long. */
  #listen(sinceMs: number): void {
    this.#silence = this.#reader.process.after(lookMs, () => {
      if (this.#waiting === undefined) return;
      const silentMs = this.#reader.process.monotonicMs() - sinceMs;
      if (!this.#host.peerLives())
        this.end({ kind: 'failed', error: peerGone(this.#sender.node, 'it is gone') });
      else if (silentMs >= silenceMs)
        this.end({ kind: 'failed', error: peerGone(this.#sender.node, 'it is silent') });
      else this.#listen(sinceMs);
    });
  }
}

/** Blocks that the sender may be ahead of its reader. */
const window = 4;
const lookMs = 1000;
const silenceMs = 10_000;
const hangUpMs = 1;

export function peerGone(node: string, why: string): LoomError {
  return new LoomError('BULK_PEER_GONE', `node ${node}: ${why}`, { details: { node } });
}

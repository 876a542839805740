import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nativeChecksum } from '../../src/adapters/checksum/native-checksum.ts';
import type { BulkAttachment, BulkBlock, BulkSource, BulkTicket } from '../../src/ports/bulk.ts';
import { LoomError } from '../../src/ports/loom-error.ts';

export interface BulkUnderTest {
  attach(node: string): Promise<BulkAttachment>;
  /** Lets the plane work until the condition holds; throws when it never does. */
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
  /** Blocks that the plane may ask of a source before its reader asked for them. */
  readonly ahead: number;
  /** Whether both ends are in one process: blocks are then the same objects at both. */
  readonly shared: boolean;
}

const checksum = nativeChecksum();

function block(index: number): BulkBlock {
  const bytes = Uint8Array.from({ length: 1000 + index }, (_, i) => (i * 7 + index * 31) & 0xff);
  return { index, bytes, crc32c: checksum.crc32c(bytes) };
}

/** A source of `count` blocks that tells what is asked of it; with `stallAt` it never has that block. */
class RecordedSource implements BulkSource {
  readonly made: BulkBlock[] = [];
  begun = 0;
  ended = 0;
  signal: AbortSignal | undefined;
  readonly #count: number;
  readonly #stallAt: number;
  readonly #failure: LoomError | undefined;

  constructor(count: number, stallAt = -1, failure?: LoomError) {
    this.#count = count;
    this.#stallAt = stallAt;
    this.#failure = failure;
  }

  async *blocks(fromBlock: number, signal: AbortSignal): AsyncGenerator<BulkBlock> {
    this.begun++;
    this.signal = signal;
    try {
      for (let index = fromBlock; index < this.#count; index++) {
        if (index === this.#stallAt) {
          if (this.#failure !== undefined) throw this.#failure;
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          return;
        }
        const made = block(index);
        this.made.push(made);
        yield made;
      }
    } finally {
      this.ended++;
    }
  }
}

const forEver = new AbortController().signal;

async function all(from: AsyncIterable<BulkBlock>, into: BulkBlock[] = []): Promise<BulkBlock[]> {
  for await (const each of from) into.push(each);
  return into;
}

/** The promises of `ports/bulk.ts`, for any implementation. */
export function bulkContract(name: string, open: () => Promise<BulkUnderTest>): void {
  describe(`bulk plane: ${name}`, () => {
    let plane: BulkUnderTest;
    let a: BulkAttachment;
    let b: BulkAttachment;

    beforeEach(async () => {
      plane = await open();
      a = await plane.attach('a');
      b = await plane.attach('b');
    });

    afterEach(async () => {
      a.close();
      b.close();
      await plane.close();
    });

    /** The code with which a promise fails, once the plane has had the time to fail it. */
    async function codeOf(promise: Promise<unknown>): Promise<string> {
      let code: string | undefined;
      promise.then(
        () => {
          code = 'none';
        },
        (thrown: unknown) => {
          code = thrown instanceof LoomError ? thrown.code : String(thrown);
        },
      );
      await plane.until(() => code !== undefined);
      return code as string;
    }

    it('gives all blocks in order, each verifiable', async () => {
      const ticket = a.offer(new RecordedSource(20));
      expect(ticket.node).toBe('a');
      const got = await all(b.pull(ticket, 0, forEver));
      expect(got.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, i) => i));
      for (const { index, bytes, crc32c } of got) {
        expect(checksum.crc32c(bytes)).toBe(crc32c);
        expect(Buffer.compare(bytes, block(index).bytes)).toBe(0);
      }
    });

    it('gives nothing of an empty source', async () => {
      expect(await all(b.pull(a.offer(new RecordedSource(0)), 0, forEver))).toEqual([]);
    });

    it('serves pulls of the own node', async () => {
      expect(await all(a.pull(a.offer(new RecordedSource(3)), 0, forEver))).toHaveLength(3);
    });

    it('B1: asks the source for no block that the reader did not ask for', async () => {
      const source = new RecordedSource(100);
      const iterator = b.pull(a.offer(source), 0, forEver)[Symbol.asyncIterator]();
      expect(source.made).toHaveLength(0);
      for (let asked = 1; asked <= 3; asked++) {
        await iterator.next();
        expect(source.made.length).toBeLessThanOrEqual(asked + plane.ahead);
      }
      await iterator.return?.();
    });

    it('B2: begins at any block', async () => {
      const ticket = a.offer(new RecordedSource(10));
      const got = await all(b.pull(ticket, 7, forEver));
      expect(got.map(({ index }) => index)).toEqual([7, 8, 9]);
      expect(await all(b.pull(ticket, 10, forEver))).toEqual([]);
    });

    it('B2: gives each pull its own position', async () => {
      const source = new RecordedSource(5);
      const ticket = a.offer(source);
      const [one, two] = await Promise.all([
        all(a.pull(ticket, 0, forEver)),
        all(b.pull(ticket, 2, forEver)),
      ]);
      expect([one.length, two.length, source.begun]).toEqual([5, 3, 2]);
    });

    it('B3: shares the bytes of blocks within one process', async () => {
      const source = new RecordedSource(3);
      const got = await all(b.pull(a.offer(source), 0, forEver));
      expect(got).toHaveLength(3);
      for (const [i, { bytes }] of got.entries()) {
        if (plane.shared) expect(bytes).toBe(source.made[i]?.bytes);
        else expect(bytes).toEqual(source.made[i]?.bytes);
      }
    });

    it('B4: refuses a ticket that was never given', async () => {
      const ticket: BulkTicket = { node: 'a', ticket: 'no-such-ticket' };
      expect(await codeOf(all(b.pull(ticket, 0, forEver)))).toBe('BULK_TICKET_UNKNOWN');
    });

    it('B4: refuses a ticket that was revoked', async () => {
      const ticket = a.offer(new RecordedSource(3));
      a.revoke(ticket.ticket);
      a.revoke(ticket.ticket);
      expect(await codeOf(all(b.pull(ticket, 0, forEver)))).toBe('BULK_TICKET_UNKNOWN');
    });

    it('B4: ends a pull whose ticket is revoked while it waits', async () => {
      const source = new RecordedSource(9, 2);
      const ticket = a.offer(source);
      const got: BulkBlock[] = [];
      const pulling = all(b.pull(ticket, 0, forEver), got);
      pulling.catch(() => undefined);
      await plane.until(() => got.length === 2);
      a.revoke(ticket.ticket);
      expect(await codeOf(pulling)).toBe('BULK_TICKET_UNKNOWN');
      await plane.until(() => source.ended === 1);
    });

    it('B4: fails a pull from a node that is not there', async () => {
      expect(await codeOf(all(b.pull({ node: 'nobody', ticket: 't' }, 0, forEver)))).toBe('BULK_PEER_GONE');
    });

    it('B4: fails a waiting pull when the source’s node goes', async () => {
      const source = new RecordedSource(9, 2);
      const got: BulkBlock[] = [];
      const pulling = all(b.pull(a.offer(source), 0, forEver), got);
      pulling.catch(() => undefined);
      await plane.until(() => got.length === 2);
      a.close();
      expect(await codeOf(pulling)).toBe('BULK_PEER_GONE');
      await plane.until(() => source.ended === 1);
    });

    it('B4: fails a node’s own pulls when it closes', async () => {
      const source = new RecordedSource(9, 2);
      const got: BulkBlock[] = [];
      const pulling = all(b.pull(a.offer(source), 0, forEver), got);
      pulling.catch(() => undefined);
      await plane.until(() => got.length === 2);
      b.close();
      expect(await codeOf(pulling)).toBe('BULK_PEER_GONE');
      await plane.until(() => source.ended === 1);
      expect(await codeOf(all(b.pull(a.offer(source), 0, forEver)))).toBe('BULK_PEER_GONE');
    });

    it('B4: knows no ticket of an earlier attachment of the node', async () => {
      const ticket = a.offer(new RecordedSource(3));
      a.close();
      a = await plane.attach('a');
      a.offer(new RecordedSource(3));
      expect(await codeOf(all(b.pull(ticket, 0, forEver)))).toBe('BULK_TICKET_UNKNOWN');
    });

    it('throws what broke the source, after the blocks before it', async () => {
      const source = new RecordedSource(9, 2, new LoomError('SOURCE_CHANGED', 'it grew'));
      const got: BulkBlock[] = [];
      const pulling = all(b.pull(a.offer(source), 0, forEver), got);
      expect(await codeOf(pulling)).toBe('SOURCE_CHANGED');
      expect(got).toHaveLength(2);
    });

    it('stops a waiting pull when its signal is aborted, and tells the source', async () => {
      const source = new RecordedSource(9, 2);
      const abort = new AbortController();
      const got: BulkBlock[] = [];
      const pulling = all(b.pull(a.offer(source), 0, abort.signal), got);
      pulling.catch(() => undefined);
      await plane.until(() => got.length === 2);
      abort.abort();
      expect(await codeOf(pulling)).toBe('CANCELLED');
      await plane.until(() => source.ended === 1 && source.signal?.aborted === true);
    });

    it('begins nothing under an aborted signal', async () => {
      const source = new RecordedSource(9);
      expect(await codeOf(all(b.pull(a.offer(source), 0, AbortSignal.abort())))).toBe('CANCELLED');
      expect(source.made).toHaveLength(0);
    });

    it('tells the source when the reader leaves early', async () => {
      const source = new RecordedSource(9);
      for await (const each of b.pull(a.offer(source), 0, forEver)) if (each.index === 1) break;
      await plane.until(() => source.ended === 1 && source.signal?.aborted === true);
      expect(source.made.length).toBeLessThanOrEqual(2 + plane.ahead);
    });

    it('pulls again under a ticket that was pulled before', async () => {
      const ticket = a.offer(new RecordedSource(4));
      expect(await all(b.pull(ticket, 0, forEver))).toHaveLength(4);
      expect(await all(b.pull(ticket, 1, forEver))).toHaveLength(3);
    });

    it('takes no offer after its end, and closes twice without harm', () => {
      a.close();
      a.close();
      expect(() => a.offer(new RecordedSource(1))).toThrow(/BULK_PEER_GONE/);
    });
  });
}

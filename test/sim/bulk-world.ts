import { setImmediate } from 'node:timers/promises';
import type { BulkAttachment, BulkBlock, BulkSource } from '../../src/ports/bulk.ts';
import { SeededRandom } from '../../src/runtime/simulation/seeded-random.ts';
import { type ProcessClock, VirtualTime } from '../../src/runtime/simulation/virtual-time.ts';
import { SimulatedBulk } from '../../src/sim/simulated-bulk.ts';

/** A bulk plane on virtual time with roads that a test cuts. */
export class BulkWorld {
  readonly time: VirtualTime = new VirtualTime(() => setImmediate());
  readonly processes: Map<string, ProcessClock> = new Map();
  readonly bulk: SimulatedBulk;
  readonly cuts: Set<string> = new Set();

  constructor(seed = 1) {
    this.bulk = new SimulatedBulk(this.time, new SeededRandom(seed), {
      isCut: (from, to) => this.cuts.has(`${from}>${to}`),
      delayMs: () => 2,
    });
  }

  /** Attaches a node, in a new process when it has none. */
  attach(node: string): BulkAttachment {
    let process = this.processes.get(node);
    if (process === undefined || process.killed) {
      process = this.time.process();
      this.processes.set(node, process);
    }
    return this.bulk.plane(process).attach(node);
  }

  advance(ms: number): Promise<void> {
    return this.time.run(this.time.nowMs + ms);
  }

  /** Lets time pass by itself until the answer is called. */
  flow(): () => void {
    let flowing = true;
    const pump = async (): Promise<void> => {
      while (flowing) {
        await this.advance(1);
        await setImmediate();
      }
    };
    void pump();
    return () => {
      flowing = false;
    };
  }

  async until(condition: () => boolean): Promise<void> {
    for (let pass = 0; pass < 5000 && !condition(); pass++) await setImmediate();
    if (!condition()) throw new Error('the condition did not come true');
  }
}

/** `count` blocks of which each byte is its block's index. */
export function sourceOf(count: number, bytes = 100): BulkSource {
  return {
    async *blocks(fromBlock) {
      for (let index = fromBlock; index < count; index++) {
        yield { index, bytes: new Uint8Array(bytes).fill(index), crc32c: index };
        await Promise.resolve();
      }
    },
  };
}

export async function drainAll(blocks: AsyncIterable<BulkBlock>): Promise<BulkBlock[]> {
  const all: BulkBlock[] = [];
  for await (const block of blocks) all.push(block);
  return all;
}

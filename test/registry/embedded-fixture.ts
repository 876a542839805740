import { setImmediate } from 'node:timers/promises';
import type { LoomError } from '../../src/ports/loom-error.ts';
import {
  type EmbeddedRegistry,
  type EmbeddedRegistryOptions,
  openEmbeddedRegistry,
} from '../../src/registry/embedded/embedded-registry.ts';
import type { EmbeddedRegistryHandle } from '../../src/registry/embedded/handle.ts';
import { type ProcessClock, VirtualTime } from '../../src/runtime/simulation/virtual-time.ts';
import { describeNode } from '../contract/registry-contract.ts';
import { MemoryJournalStore } from './memory-journal.ts';

/** An embedded registry on virtual time and a journal in memory that outlives it. */
export class EmbeddedFixture {
  readonly time: VirtualTime = new VirtualTime(() => setImmediate());
  readonly store: MemoryJournalStore = new MemoryJournalStore();
  readonly reports: LoomError[] = [];
  options: Partial<EmbeddedRegistryOptions>;
  clock: ProcessClock = this.time.process();
  registry!: EmbeddedRegistry;

  constructor(options: Partial<EmbeddedRegistryOptions> = {}) {
    this.options = options;
  }

  async open(): Promise<this> {
    this.clock = this.time.process();
    this.registry = await openEmbeddedRegistry({
      clock: this.clock,
      journal: this.store.open,
      report: (error) => this.reports.push(error),
      ...this.options,
    });
    return this;
  }

  async restart(): Promise<void> {
    this.registry.crash();
    this.clock.kill();
    await this.open();
  }

  join(node: string): Promise<EmbeddedRegistryHandle> {
    return this.registry.join(describeNode(node));
  }

  async advance(ms: number): Promise<void> {
    await this.time.run(this.time.nowMs + ms);
  }
}

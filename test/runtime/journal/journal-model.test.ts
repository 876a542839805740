import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { Journal } from '../../../src/runtime/journal/journal.ts';
import type { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';
import { open, payload, simulatedDisk, texts } from './journal-fixture.ts';

/**
 * The model is a list of texts and how many of them were acknowledged. Any story of appends, compactions, faults,
 * crashes and reopenings must leave a prefix of the list that holds all that was acknowledged (J1).
 */
type Step =
  | { readonly do: 'append'; readonly sizes: readonly number[]; readonly wait: boolean }
  | { readonly do: 'compact'; readonly wait: boolean }
  | { readonly do: 'turn'; readonly turns: number }
  | { readonly do: 'fail'; readonly n: number; readonly sync: boolean }
  | { readonly do: 'reopen' }
  | { readonly do: 'crash'; readonly power: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      sizes: fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 6 }),
      wait: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('compact' as const), wait: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('turn' as const), turns: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      n: fc.integer({ min: 1, max: 12 }),
      sync: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), power: fc.boolean() }) },
);

class Owner {
  readonly simulated: SimulatedDisk;
  asked: string[] = [];
  acknowledged = 0;
  sequence = 0;
  journal: Journal | undefined;

  constructor(seed: number) {
    this.simulated = simulatedDisk(seed);
  }

  async open(): Promise<Journal> {
    const { journal, records } = await open(this.simulated.mount(), { maxSegmentBytes: 1500 });
    const found = texts(records);
    expect(found).toEqual(this.asked.slice(0, found.length));
    expect(found.length).toBeGreaterThanOrEqual(this.acknowledged);
    this.asked = found;
    this.acknowledged = found.length;
    this.sequence = journal.lastSequence;
    this.journal = journal;
    return journal;
  }

  append(journal: Journal, bytes: number): Promise<void> {
    const text = `${this.asked.length}:${'x'.repeat(bytes)}`;
    this.asked.push(text);
    return journal.append(1, 1, payload(text)).then((sequence) => {
      this.acknowledged++;
      this.sequence = sequence;
    });
  }

  compact(journal: Journal): Promise<void> {
    const state = this.asked.slice(0, this.acknowledged);
    return journal.compact(
      state.map((text) => ({ type: 2, token: 1, body: payload(text) })),
      this.sequence,
    );
  }
}

async function openUnlessFault(owner: Owner): Promise<Journal | undefined> {
  try {
    return await owner.open();
  } catch (thrown) {
    if (thrown instanceof LoomError) return undefined;
    throw thrown;
  }
}

async function play(owner: Owner, steps: readonly Step[]): Promise<void> {
  await owner.open();
  for (const each of steps) {
    const journal = owner.journal ?? (await openUnlessFault(owner));
    if (journal === undefined) {
      // A fault that waited hit the opening: the disk is calm from here on.
      owner.simulated.faults.calm();
      owner.simulated.processCrash();
      continue;
    }
    if (each.do === 'append') {
      const all = Promise.allSettled(each.sizes.map((bytes) => owner.append(journal, bytes)));
      if (each.wait) await all;
    } else if (each.do === 'compact') {
      const compacted = Promise.allSettled([owner.compact(journal)]);
      if (each.wait) await compacted;
    } else if (each.do === 'turn') {
      for (let i = 0; i < each.turns; i++) await Promise.resolve();
    } else if (each.do === 'fail') {
      owner.simulated.faults.failNth(each.n, 'DISK_IO', each.sync ? 'sync' : undefined);
    } else if (each.do === 'reopen') {
      await journal.close();
      owner.journal = undefined;
    } else {
      if (each.power) owner.simulated.powerLoss();
      else owner.simulated.processCrash();
      owner.journal = undefined;
    }
  }
  owner.simulated.faults.calm();
  owner.simulated.powerLoss();
  await owner.open();
}

it('keeps what it acknowledged, in order, through any story', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { maxLength: 40 }), async (seed, steps) => {
      await play(new Owner(seed), steps);
    }),
    { numRuns: 400 },
  );
});

import { describe, expect, it } from 'vitest';
import type { Disk } from '../../../src/ports/disk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';
import { open, payload, simulatedDisk, texts } from './journal-fixture.ts';

/** What was asked for and how much of it was acknowledged, in the order of asking. */
interface Story {
  asked: string[];
  acknowledged: number;
}

/**
 * Opens, appends one by one and in groups, over several segments, compacts in the middle of it, and closes. The state
 * of the owner is the list of texts; its snapshot is one record each.
 */
async function script(disk: Disk, story: Story): Promise<void> {
  const { journal, records } = await open(disk, { maxSegmentBytes: 400 });
  hold(story, texts(records));
  async function append(count: number): Promise<void> {
    const start = story.asked.length;
    const asked = Array.from(
      { length: count },
      (_, i) => `record ${start + i} ${'.'.repeat((start * 37) % 90)}`,
    );
    story.asked.push(...asked);
    await Promise.all(
      asked.map(async (text, i) => {
        await journal.append(1, i, payload(text));
        story.acknowledged++;
      }),
    );
  }
  try {
    await append(1);
    await append(3);
    await append(2);
    const during = append(2);
    await Promise.resolve();
    const state = story.asked.slice(0, story.acknowledged);
    await Promise.all([
      during,
      journal.compact(state.map((text) => ({ type: 2, token: 0, body: payload(text) }))),
    ]);
    await append(1);
    await append(30);
  } finally {
    await journal.close();
  }
}

async function countCalls(): Promise<number> {
  const simulated = simulatedDisk(0);
  await tell(simulated);
  return simulated.faults.calls;
}

/** What a journal replayed is what was asked for, in order, and at least what was acknowledged (J1). */
function hold(story: Story, found: string[], what = ''): void {
  expect(found, what).toEqual(story.asked.slice(0, found.length));
  expect(found.length, what).toBeGreaterThanOrEqual(story.acknowledged);
  story.asked = found;
  story.acknowledged = found.length;
}

/** Runs the script twice, up to the fault. */
async function tell(simulated: SimulatedDisk): Promise<Story> {
  const story: Story = { asked: [], acknowledged: 0 };
  try {
    await script(simulated.mount(), story);
    await script(simulated.mount(), story);
  } catch (thrown) {
    if (!(thrown instanceof LoomError)) throw thrown;
  }
  return story;
}

async function judge(simulated: SimulatedDisk, story: Story, what: string): Promise<void> {
  hold(story, texts((await open(simulated.mount())).records), what);
}

describe('every I/O call fails once', () => {
  it.each(['DISK_IO', 'DISK_FULL'] as const)('with %s, then the power goes', async (code) => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(100);
    for (let n = 1; n <= calls; n++) {
      for (let seed = 0; seed < 3; seed++) {
        const simulated = simulatedDisk(seed * 1000 + n);
        simulated.faults.failNth(n, code);
        const story = await tell(simulated);
        simulated.faults.calm();
        simulated.powerLoss();
        await judge(simulated, story, `call ${n}, seed ${seed}`);
      }
    }
  });

  it('and the process starts again, then the power goes', async () => {
    const calls = await countCalls();
    for (let n = 1; n <= calls; n++) {
      const simulated = simulatedDisk(n);
      simulated.faults.failNth(n);
      const story = await tell(simulated);
      simulated.faults.calm();
      simulated.processCrash();
      await judge(simulated, story, `call ${n}, the restarted process`);
      const { records } = await open(simulated.mount());
      simulated.powerLoss();
      expect(texts((await open(simulated.mount())).records), `call ${n}, after the power`).toEqual(
        texts(records),
      );
    }
  });
});

describe('the machine stops at every I/O call', () => {
  it.each(['powerLoss', 'processCrash'] as const)('by %s', async (crash) => {
    const calls = await countCalls();
    for (let n = 1; n <= calls; n++) {
      for (let seed = 0; seed < 4; seed++) {
        const simulated = simulatedDisk(seed * 1000 + n);
        const story = await crashAtCall(simulated, n, () => {
          simulated[crash]();
        });
        await judge(simulated, story, `call ${n}, seed ${seed}`);
      }
    }
  });

  it('once more while it recovers', async () => {
    const calls = await countCalls();
    for (let n = 5; n <= calls; n += 3) {
      for (let again = 1; again <= 14; again++) {
        const simulated = simulatedDisk(again * 1000 + n);
        const lose = (): void => {
          simulated.powerLoss();
        };
        const story = await crashAtCall(simulated, n, lose);
        await crashAtCall(simulated, simulated.faults.calls + again, lose, async (disk) => {
          await open(disk);
        });
        await judge(simulated, story, `call ${n}, again ${again}`);
      }
    }
  });
});

/** Runs until the disk has had `n` calls, crashes while that one is under way, and answers what had been said. */
async function crashAtCall(
  simulated: SimulatedDisk,
  n: number,
  crash: () => void,
  run: (disk: Disk, story: Story) => Promise<void> = script,
): Promise<Story> {
  const story: Story = { asked: [], acknowledged: 0 };
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  const disk = simulated.mount();
  run(disk, story).then(end, end);
  for (let turn = 0; turn < 100_000 && simulated.faults.calls < n && !ended; turn++) await Promise.resolve();
  crash();
  return { asked: [...story.asked], acknowledged: story.acknowledged };
}

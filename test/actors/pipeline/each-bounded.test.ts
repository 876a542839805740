import { expect, it } from 'vitest';
import { eachBounded } from '../../../src/actors/pipeline/each-bounded.ts';

it('works on all items, never on more than the limit at a time', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await eachBounded([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < item; i++) await Promise.resolve();
    running--;
    done.push(item);
  });
  expect(most).toBe(3);
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  await eachBounded([], 3, () => Promise.reject(new Error('never')));
});

it('starts nothing more after a failure, and throws it when the rest has settled', async () => {
  const started: number[] = [];
  let settled = 0;
  const failing = eachBounded([1, 2, 3, 4, 5], 2, async (item) => {
    started.push(item);
    await Promise.resolve();
    if (item === 1) throw new Error('first');
    for (let i = 0; i < 5; i++) await Promise.resolve();
    settled++;
  });
  await expect(failing).rejects.toThrow('first');
  expect(started).toEqual([1, 2]);
  expect(settled).toBe(1);
});

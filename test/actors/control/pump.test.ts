import { expect, test } from 'vitest';
import { pump } from '../../../src/actors/control/pump.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { SequencedItem } from '../../../src/runtime/definition.ts';
import { LocalFeed } from '../../../src/runtime/feed.ts';

async function* numbers(count: number, made: number[]): AsyncGenerator<number> {
  for (let number = 0; number < count; number++) {
    made.push(number);
    yield number;
  }
}

async function all(feed: AsyncIterable<SequencedItem<number>>): Promise<number[]> {
  const items: number[] = [];
  for await (const { item } of feed) items.push(item);
  return items;
}

test('every item arrives in order, then the end', async () => {
  const feed = new LocalFeed<number>(0, 2);
  const pumped = pump(() => numbers(50, []), feed);
  expect(await all(feed)).toEqual(Array.from({ length: 50 }, (_, number) => number));
  await pumped;
});

test('no more is made than the consumer has room for, and one', async () => {
  const made: number[] = [];
  const feed = new LocalFeed<number>(0, 3);
  const pumped = pump(() => numbers(50, made), feed);
  await new Promise(setImmediate);
  expect(made).toEqual([0, 1, 2, 3]);
  await feed.next();
  await new Promise(setImmediate);
  expect(made.length).toBe(5);
  feed.cancel();
  await pumped;
  expect(made.length).toBe(5);
});

test('a failure comes after the items before it', async () => {
  const feed = new LocalFeed<number>(0, 64);
  await pump(async function* () {
    yield* numbers(2, []);
    throw new LoomError('UNREADABLE', 'no copy');
  }, feed);
  const items: number[] = [];
  const read = async (): Promise<void> => {
    for await (const { item } of feed) items.push(item);
  };
  await expect(read()).rejects.toMatchObject({ code: 'UNREADABLE' });
  expect(items).toEqual([0, 1]);
});

test('whoever makes the items is told that nobody wants them, also while it waits', async () => {
  const feed = new LocalFeed<number>(0, 1);
  let told = '';
  const pumped = pump(async function* (signal) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve());
    });
    told = (signal.reason as LoomError).code;
    yield 1;
  }, feed);
  feed.cancel();
  await pumped;
  expect(told).toBe('CANCELLED');
});

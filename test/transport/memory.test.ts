import { expect, it, vi } from 'vitest';
import { MemoryTransport } from '../../src/transport/memory/memory-transport.ts';

const one = Uint8Array.from([1]);

it('refuses a second node under a name in use', () => {
  const transport = new MemoryTransport();
  transport.attach('a', { receive() {} });
  expect(() => transport.attach('a', { receive() {} })).toThrow('INVALID_DEFINITION');
});

it('delivers in a later pass of the event loop, without a copy', async () => {
  const transport = new MemoryTransport();
  const got: Uint8Array[] = [];
  const a = transport.attach('a', { receive() {} });
  transport.attach('b', { receive: (_, frame) => got.push(frame) });
  a.send('b', one);
  await Promise.resolve();
  expect(got).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(got[0]).toBe(one);
});

it('does not deliver to a node that took the name after the frame was sent', async () => {
  const transport = new MemoryTransport();
  const got: string[] = [];
  const a = transport.attach('a', { receive() {} });
  const b = transport.attach('b', { receive: () => got.push('old') });
  a.send('b', one);
  b.close();
  transport.attach('b', { receive: () => got.push('new') });
  await new Promise((resolve) => setImmediate(resolve));
  expect(got).toEqual([]);
});

it('goes on with the other frames when a listener throws', () => {
  vi.useFakeTimers({ toFake: ['setImmediate'] });
  try {
    const transport = new MemoryTransport();
    const got: number[] = [];
    const a = transport.attach('a', { receive() {} });
    transport.attach('b', {
      receive: (_, frame) => {
        got.push(frame[0] ?? 0);
        if (frame[0] === 1) throw new Error('from the listener');
      },
    });
    for (const n of [1, 2, 3]) a.send('b', Uint8Array.from([n]));
    expect(() => vi.runAllTimers()).toThrow('from the listener');
    a.send('b', Uint8Array.from([4]));
    vi.runAllTimers();
    expect(got).toEqual([1, 2, 3, 4]);
  } finally {
    vi.useRealTimers();
  }
});

import { expect, it } from 'vitest';
import { nativeChecksum } from '../../../src/adapters/checksum/native-checksum.ts';
import { behavior } from '../../../src/runtime/behavior.ts';
import { protocol, request, signal } from '../../../src/runtime/protocol.ts';
import { unchecked } from '../../../src/runtime/schema.ts';
import { codeOf, fail } from './puppet.ts';
import { World } from './world.ts';

interface Parcel {
  readonly label: string;
  readonly tags: string[];
  readonly inner: { readonly bytes: Uint8Array; readonly numbers: Float32Array };
}

const Post = protocol('post', {
  send: signal({ in: unchecked<Parcel>() }),
  swap: request({ in: unchecked<Parcel>(), out: unchecked<{ list: string[] }>() }),
});

const parcel = (): Parcel => ({
  label: 'x',
  tags: ['a'],
  inner: { bytes: new Uint8Array(4), numbers: new Float32Array(4) },
});

function post(world: World, handle: (parcel: Parcel) => void, reply: { list: string[] } = { list: [] }) {
  return world.system.spawn(
    behavior(Post, () => ({
      send: handle,
      swap: (message) => {
        handle(message);
        return reply;
      },
    })),
    { name: 'post' },
  );
}

const guardWith = nativeChecksum();

it('messages are frozen at the send, however deep', () => {
  const world = new World({ guardWith });
  const message = parcel();
  post(world, () => undefined).tell.send(message);
  expect(Object.isFrozen(message)).toBe(true);
  expect(() => message.tags.push('b')).toThrow(TypeError);
  expect(Object.isFrozen(message.inner)).toBe(true);
});

it('replies are frozen too: an actor’s state does not leak out with one', async () => {
  const world = new World({ guardWith });
  const state = { list: ['a'] };
  const answer = await world.until(post(world, () => undefined, state).ask.swap(parcel()));
  expect(() => answer.list.push('b')).toThrow(TypeError);
});

it('byte views that are written to between the send and the turn’s end are reported, of any kind', async () => {
  for (const write of [
    (message: Parcel) => message.inner.bytes.fill(1),
    (message: Parcel) => message.inner.numbers.fill(1),
  ]) {
    const world = new World({ guardWith });
    const bySender = parcel();
    const ref = post(world, () => undefined);
    ref.tell.send(bySender);
    write(bySender);
    await world.run();
    expect(world.of('internal-error').map(({ error }) => String(error))).toEqual([
      expect.stringContaining('bytes of post.send to n1/post were written to'),
    ]);
  }
});

it('a handler that writes to bytes is reported, whether it succeeds or fails', async () => {
  const world = new World({ guardWith });
  let broken = false;
  const ref = post(world, ({ inner }) => {
    inner.bytes[0] = 1;
    if (broken) fail();
  });
  ref.tell.send(parcel());
  await world.run();
  expect(world.of('internal-error')).toHaveLength(1);
  broken = true;
  ref.tell.send(parcel());
  await world.run();
  expect(world.of('internal-error')).toHaveLength(2);
});

it('a message that is sent on is watched again, though it is frozen already', async () => {
  const world = new World({ guardWith });
  const message = parcel();
  const ref = post(world, () => undefined);
  ref.tell.send(message);
  await world.run();
  ref.tell.send(message);
  message.inner.bytes[0] = 9;
  await world.run();
  expect(world.of('internal-error')).toHaveLength(1);
});

it('cyclic messages are no trap', () => {
  const world = new World({ guardWith });
  const message = { ...parcel(), self: undefined as unknown };
  message.self = [message, message];
  expect(post(world, () => undefined).tell.send(message)).toBe('accepted');
});

it('lets go of every message when its state is booked', async () => {
  const world = new World({ guardWith });
  let broken = false;
  const ref = post(world, () => {
    if (broken) fail();
  });
  ref.tell.send(parcel());
  await world.run();
  broken = true;
  ref.tell.send(parcel());
  const asked = codeOf(ref.ask.swap(parcel(), { deadlineMs: 5 }));
  await world.run(5);
  world.system.kill(ref);
  ref.tell.send(parcel());
  await world.run(100);
  await asked;
  expect(world.system.engine.guard?.watched).toBe(0);
});

it('without a checksum, messages pass as they are', async () => {
  const world = new World();
  const message = parcel();
  const seen: Parcel[] = [];
  post(world, (received) => void seen.push(received)).tell.send(message);
  await world.run();
  expect(seen[0]).toBe(message);
  expect(Object.isFrozen(message)).toBe(false);
});

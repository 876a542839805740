import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  controlFrame,
  type FrameHead,
  frameHeaderBytes,
  writeHeader,
} from '../../../src/runtime/link/frame.ts';
import { ByteWriter } from '../../../src/runtime/wire/byte-writer.ts';
import { encodeEnvelope } from '../../../src/runtime/wire/envelope.ts';
import { type LinkedNode, LinkedWorld } from './linked-nodes.ts';

/** A frame as node b (epoch 20) would send it to node a (epoch 10) in link epoch 1. */
const fromB: FrameHead = {
  kind: 'ack',
  senderEpoch: 20,
  receiverEpoch: 10,
  linkEpoch: 1,
  firstSequence: 0,
  acknowledged: 0,
  creditLimit: 4096,
  count: 0,
  answer: { linkEpoch: 0, sequence: 0 },
};

/** A data frame whose envelopes are tells with the tags from `firstSequence` on. */
function dataFrame(head: Partial<FrameHead>, envelopes?: readonly Uint8Array[]): Uint8Array {
  const { firstSequence = 1, count = 1 } = head;
  const batch = new ByteWriter();
  for (let i = 0; i < count; i++) {
    const envelope = envelopes?.[i] ?? tell(firstSequence + i);
    const at = batch.length;
    batch.raw(new Uint8Array(3));
    batch.patchUint24(at, envelope.length);
    batch.raw(envelope);
  }
  const bytes = new Uint8Array(frameHeaderBytes + batch.length);
  bytes.set(batch.view(), frameHeaderBytes);
  writeHeader(bytes, { ...fromB, kind: 'data', firstSequence, count, ...head });
  return bytes;
}

function tell(tag: number): Uint8Array {
  const writer = new ByteWriter();
  encodeEnvelope(
    {
      kind: 'tell',
      target: { kind: 'named', path: 'user' },
      tellId: tag,
      protocol: 'test',
      message: 'put',
      body: new Uint8Array(1),
    },
    writer,
  );
  return writer.copy();
}

/** Node a with a link that is up, and nobody real on the other side. */
async function alone(): Promise<{ world: LinkedWorld; one: LinkedNode }> {
  const world = new LinkedWorld();
  const one = world.node('a', 10);
  world.network.transport(world.time.process()).attach('b', { receive() {} });
  one.link.receive(controlFrame({ ...fromB, kind: 'hello', receiverEpoch: 0 }));
  expect(one.link.state).toMatchObject({ kind: 'up', peerEpoch: 20, linkEpoch: 1 });
  await world.pass(1);
  return { world, one };
}

function sentKinds(one: LinkedNode): readonly (number | undefined)[] {
  return one.frames.map((frame) => frame[2]);
}

const hello = 1;
const helloAnswer = 2;
const ack = 4;

describe('a link that gets frames from anywhere', () => {
  it('L8: never throws on random bytes and delivers none of them', async () => {
    const { one } = await alone();
    const before = one.link.state;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        one.link.receive(bytes);
        expect(one.deliveries).toEqual([]);
      }),
      { numRuns: 2000 },
    );
    expect(one.link.state).toBe(before);
    const { malformedFramesDropped, newerFramesSkipped } = one.link.counters;
    expect(malformedFramesDropped + newerFramesSkipped).toBe(2000);
  });

  it('L8: never throws on frames with any numbers in their headers', async () => {
    const { world, one } = await alone();
    const near = fc.oneof(fc.integer({ min: 0, max: 25 }), fc.maxSafeInteger().map(Math.abs));
    const kind = fc.constantFrom('hello', 'hello-answer', 'ack', 'bye' as const);
    const head = fc.record({
      kind,
      senderEpoch: near,
      receiverEpoch: near,
      linkEpoch: near,
      firstSequence: near,
      acknowledged: near,
      creditLimit: near,
      count: fc.constant(0),
      answer: fc.record({ linkEpoch: near, sequence: near }),
    });
    fc.assert(
      fc.property(head, (each) => {
        one.link.receive(controlFrame(each));
        if (each.firstSequence > 0 && each.firstSequence < 2 ** 50) {
          one.link.receive(dataFrame({ ...each, kind: 'data', count: 1 + (each.acknowledged % 5) }));
        }
        one.offer(one.outcomes.size + 1);
      }),
      { numRuns: 1000 },
    );
    await world.pass(1000);
    one.link.close();
    expect(one.link.state.kind).toBe('closed');
  });

  it('L2: refuses frames of another epoch of either node, and of another link epoch', async () => {
    const { one } = await alone();
    for (const head of [
      { senderEpoch: 19 },
      { senderEpoch: 21 },
      { receiverEpoch: 9 },
      { receiverEpoch: 11 },
    ]) {
      one.link.receive(dataFrame(head));
    }
    for (const linkEpoch of [0, 2, 3]) one.link.receive(dataFrame({ linkEpoch }));
    expect(one.deliveries).toEqual([]);
    expect(one.link.counters.staleFramesRefused).toBe(7);
    one.link.receive(dataFrame({}));
    expect(one.tags).toEqual([1]);
  });

  it('L2: an old hello of an earlier node epoch changes nothing', async () => {
    const { one } = await alone();
    one.link.receive(controlFrame({ ...fromB, kind: 'hello', senderEpoch: 19, linkEpoch: 9 }));
    one.link.receive(controlFrame({ ...fromB, kind: 'hello', senderEpoch: 21, receiverEpoch: 11 }));
    expect(one.link.state).toMatchObject({ kind: 'up', peerEpoch: 20, linkEpoch: 1 });
    expect(one.link.counters.staleFramesRefused).toBe(2);
  });

  it('answers a hello again whose answer was lost, with the same words', async () => {
    const { world, one } = await alone();
    const [first] = one.frames;
    one.link.receive(controlFrame({ ...fromB, kind: 'hello', receiverEpoch: 0 }));
    await world.pass(1);
    expect(sentKinds(one)).toEqual([helloAnswer, helloAnswer]);
    expect(one.frames[1]).toEqual(first);
  });

  it('L5: does not begin an epoch below the one that it has proposed', async () => {
    const { world, one } = await alone();
    one.link.peerGone();
    // a proposes 2; b's hello for 2 and its answer are lost, b proposes 5, then an old hello for 3 arrives.
    await world.pass(200);
    expect(sentKinds(one).at(-1)).toBe(hello);
    one.link.receive(controlFrame({ ...fromB, kind: 'hello-answer', linkEpoch: 4 }));
    await world.pass(1);
    one.link.receive(controlFrame({ ...fromB, kind: 'hello', linkEpoch: 3 }));
    expect(one.link.state.kind).toBe('down');
    one.link.receive(controlFrame({ ...fromB, kind: 'hello-answer', linkEpoch: 5 }));
    expect(one.link.state).toMatchObject({ kind: 'up', linkEpoch: 5 });
  });

  it('L4: does not take the word of a peer that does not know this node', async () => {
    const { world, one } = await alone();
    one.offer(1);
    await world.pass(1);
    one.link.peerGone();
    expect(one.outcomes.get(1)).toEqual(['unknown']);
    one.link.receive(controlFrame({ ...fromB, kind: 'hello', receiverEpoch: 0, linkEpoch: 2 }));
    expect(one.outcomes.get(1)).toEqual(['unknown']);
    await world.pass(1);
    expect(sentKinds(one).at(-1)).toBe(hello);
    one.link.receive(
      controlFrame({ ...fromB, kind: 'hello', linkEpoch: 3, answer: { linkEpoch: 1, sequence: 1 } }),
    );
    expect(one.outcomes.get(1)).toEqual(['unknown', 'received']);
  });

  it('L4: does not believe in items received in an epoch that never was', async () => {
    const { one } = await alone();
    one.link.peerGone();
    const answer = { linkEpoch: 7, sequence: 1 };
    one.link.receive(controlFrame({ ...fromB, kind: 'hello', linkEpoch: 8, answer }));
    expect(one.link.state.kind).toBe('down');
  });

  it('drops an acknowledgement of what was never sent', async () => {
    const { world, one } = await alone();
    one.offer(1);
    await world.pass(1);
    one.link.receive(controlFrame({ ...fromB, acknowledged: 2 }));
    expect(one.outcomes.get(1)).toEqual([]);
    expect(one.link.counters.malformedFramesDropped).toBe(1);
    one.link.receive(controlFrame({ ...fromB, acknowledged: 1 }));
    expect(one.outcomes.get(1)).toEqual(['received']);
  });

  it('L9: drops what is beyond the credit that it gave', async () => {
    const { one } = await alone();
    one.link.receive(dataFrame({ firstSequence: 4096, count: 1 }));
    one.link.receive(dataFrame({ firstSequence: 4097, count: 1 }));
    expect(one.link.counters).toMatchObject({ framesHeld: 1, framesDropped: 1 });
  });

  it('L9: holds no more bytes than it may', async () => {
    const { one } = await alone();
    const large = new Uint8Array(500_000);
    for (let i = 0; i < 10; i++) one.link.receive(dataFrame({ firstSequence: 10 + i }, [large]));
    expect(one.link.counters).toMatchObject({ framesHeld: 4, framesDropped: 6 });
  });

  it('L3: takes frames that were cut anew, each item once', async () => {
    const { one } = await alone();
    one.link.receive(dataFrame({ firstSequence: 3, count: 3 }));
    one.link.receive(dataFrame({ firstSequence: 5, count: 2 }));
    one.link.receive(dataFrame({ firstSequence: 1, count: 4 }));
    expect(one.tags).toEqual([1, 2, 3, 4, 5, 6]);
    expect(one.link.counters.duplicatesDiscarded).toBe(3);
  });

  it('acknowledges a duplicate at once: its first acknowledgement may be lost', async () => {
    const { world, one } = await alone();
    one.link.receive(dataFrame({}));
    await world.pass(30);
    expect(sentKinds(one).filter((kind) => kind === ack).length).toBe(1);
    one.link.receive(dataFrame({}));
    await world.pass(0);
    expect(sentKinds(one).filter((kind) => kind === ack).length).toBe(2);
    expect(one.tags).toEqual([1]);
  });

  it('skips and reports envelopes of an unknown kind and damaged ones, and delivers the rest', async () => {
    const { one } = await alone();
    const future = Uint8Array.from([200, 0, 1, 2, 3]);
    const damaged = Uint8Array.from([1, 0, 9]);
    one.link.receive(dataFrame({ count: 4 }, [tell(1), future, damaged, tell(4)]));
    expect(one.tags).toEqual([1, 4]);
    expect(one.skipped).toMatchObject([{ kind: 'unknown-kind', kindNumber: 200 }, { kind: 'malformed' }]);
    expect(one.link.counters.envelopesSkipped).toBe(2);
  });

  it('reports frames of a newer major version, and passes over frames of an unknown kind', async () => {
    const { one } = await alone();
    const future = dataFrame({});
    future[0] = 2;
    one.link.receive(future);
    const newKind = controlFrame(fromB);
    newKind[2] = 99;
    one.link.receive(newKind);
    expect(one.skipped).toEqual([{ kind: 'wire-version', major: 2 }]);
    expect(one.link.counters.newerFramesSkipped).toBe(2);
  });

  it('L6: after a sleep reads its post before it gives up', async () => {
    const world = new LinkedWorld();
    const one = world.node('a', 10);
    const other = world.node('b', 20);
    one.offer(1);
    await world.pass(100);
    world.network.setDefaultQuality({ delayMs: 1500 });
    one.offer(2);
    await world.pass(1);
    // The timer is due before the acknowledgement comes: at the thaw it runs first, as it does in a real event loop.
    one.process.freeze();
    await world.pass(60_000);
    one.process.thaw();
    await world.pass(1);
    expect(other.tags).toEqual([1, 2]);
    expect(one.outcomes.get(2)).toEqual(['received']);
    expect(one.link.state).toMatchObject({ kind: 'up', linkEpoch: 1 });
  });
});

import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { type LinkedNode, LinkedWorld } from './linked-nodes.ts';

const a = { node: 'a' };
const b = { node: 'b' };

function pair(world: LinkedWorld): [LinkedNode, LinkedNode] {
  return [world.node('a', 10), world.node('b', 20)];
}

async function upPair(world: LinkedWorld): Promise<[LinkedNode, LinkedNode]> {
  const [one, other] = pair(world);
  one.offer(1);
  await world.pass(100);
  expect(one.link.state.kind).toBe('up');
  expect(other.link.state.kind).toBe('up');
  return [one, other];
}

describe('a link on a good network', () => {
  it('connects on the first offer and delivers what was offered meanwhile', async () => {
    const world = new LinkedWorld();
    const [one, other] = pair(world);
    expect(one.link.state).toEqual({ kind: 'idle' });
    expect([one.offer(1), one.offer(2)]).toEqual(['accepted', 'accepted']);
    await world.pass(50);
    expect(other.tags).toEqual([1, 2]);
    expect(one.outcome(1)).toBe('received');
    expect(one.link.state).toMatchObject({ kind: 'up', peerEpoch: 20, linkEpoch: 1 });
    expect(one.states.map(({ kind }) => kind)).toEqual(['connecting', 'up']);
    expect(one.link.outstanding).toBe(0);
  });

  it('agrees on one epoch when both sides begin at once', async () => {
    const world = new LinkedWorld();
    const [one, other] = pair(world);
    one.offer(1);
    other.offer(2);
    await world.pass(100);
    expect(one.link.state).toMatchObject({ kind: 'up', linkEpoch: 1 });
    expect(other.link.state).toMatchObject({ kind: 'up', linkEpoch: 1 });
    expect([one.tags, other.tags]).toEqual([[2], [1]]);
  });

  it('L7: sends in one frame what was offered in one turn, the system lane first', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    const frames = one.frames.length;
    for (const tag of [2, 3, 4]) one.offer(tag);
    one.offer(5, { lane: 'system' });
    one.offer(6, { lane: 'system' });
    expect(one.frames.length).toBe(frames);
    await world.pass(10);
    expect(one.frames.length).toBe(frames + 1);
    expect(other.tags).toEqual([1, 5, 6, 2, 3, 4]);
  });

  it('L7: copies the body before offer answers', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    one.offer(7, { bytes: 100 });
    await world.pass(10);
    expect(other.deliveries.at(-1)?.body).toBe(7);
  });

  it('acknowledges without traffic of its own after the delay, and rides on traffic when there is some', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    const acks = other.link.counters.acksSent;
    one.offer(2);
    await world.pass(15);
    expect(one.outcome(2)).toBeUndefined();
    await world.pass(15);
    expect(one.outcome(2)).toBe('received');
    expect(other.link.counters.acksSent).toBe(acks + 1);
    one.offer(3);
    await world.pass(5);
    other.offer(100);
    await world.pass(5);
    expect(one.outcome(3)).toBe('received');
    await world.pass(100);
    expect(other.link.counters.acksSent).toBe(acks + 1);
  });

  it('is silent when nobody has anything to say', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    await world.pass(5000);
    const frames = one.frames.length + other.frames.length;
    await world.pass(600_000);
    expect(one.frames.length + other.frames.length).toBe(frames);
    expect(one.link.state.kind).toBe('up');
    expect(world.time.pendingCount).toBe(0);
  });

  it('cuts batches at the frame limit and refuses an envelope that no frame holds', async () => {
    const world = new LinkedWorld(1, {}, { maxFrameBytes: 1024, windowBytes: 64 * 1024, reservedBytes: 0 });
    const [one, other] = await upPair(world);
    for (let tag = 2; tag < 32; tag++) expect(one.offer(tag, { bytes: 200 })).toBe('accepted');
    expect(() => one.offer(99, { bytes: 1000 })).toThrow(LoomError);
    expect(() => one.offer(99, { bytes: 1000 })).toThrow('FRAME_TOO_LARGE');
    await world.pass(100);
    expect(Math.max(...one.frames.map((frame) => frame.length))).toBeLessThanOrEqual(1024);
    expect(other.tags).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
    expect(other.deliveries.every(({ tag, body }) => tag === 1 || body === tag)).toBe(true);
  });
});

describe('the windows of a link', () => {
  it('delivers large envelopes that share a frame', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    for (let tag = 2; tag <= 9; tag++) {
      const outcome = one.offer(tag, { bytes: 120 * 1024, lane: tag % 3 === 0 ? 'system' : 'user' });
      expect(outcome).toBe('accepted');
    }
    await world.pass(1000);
    expect(other.tags.toSorted((x, y) => x - y)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(other.link.counters.malformedFramesDropped).toBe(0);
  });

  it('answers full at the window and keeps a part of it for the system lane', async () => {
    const world = new LinkedWorld(1, {}, { windowMessages: 100, reservedMessages: 20 });
    const [one, other] = await upPair(world);
    other.process.freeze();
    let accepted = 0;
    while (one.offer(1000 + accepted) === 'accepted') accepted++;
    expect(accepted).toBe(80);
    let system = 0;
    while (one.offer(2000 + system, { lane: 'system' }) === 'accepted') system++;
    expect(system).toBe(20);
    expect(one.link.counters.offersFull).toBe(2);
    other.process.thaw();
    await world.pass(500);
    expect(other.deliveries.length).toBe(101);
    expect(one.offer(3000)).toBe('accepted');
  });

  it('answers full at the bytes of the window', async () => {
    const world = new LinkedWorld(1, {}, { maxFrameBytes: 1024, windowBytes: 4096, reservedBytes: 1024 });
    const [one, other] = await upPair(world);
    other.process.freeze();
    let accepted = 0;
    while (one.offer(1000 + accepted, { bytes: 500 }) === 'accepted') accepted++;
    expect(accepted).toBe(5);
    expect(one.offer(1, { lane: 'system', bytes: 500 })).toBe('accepted');
  });

  it('keeps to a window of the peer that is smaller than its own', async () => {
    const world = new LinkedWorld();
    const one = world.node('a', 10);
    const other = world.node('b', 20, { windowMessages: 64 });
    one.offer(1);
    await world.pass(100);
    other.process.freeze();
    let accepted = 0;
    while (one.offer(1000 + accepted) === 'accepted') accepted++;
    expect(accepted).toBe(64 - 16);
  });

  it('takes a little on trust before the peer has answered', () => {
    const world = new LinkedWorld();
    const [one] = pair(world);
    let accepted = 0;
    while (one.offer(accepted) === 'accepted') accepted++;
    expect(accepted).toBe(48);
  });

  it('keeps a stream going that is longer than the window', async () => {
    const world = new LinkedWorld(1, { delayMs: 5 }, { windowMessages: 64, reservedMessages: 8 });
    const [one, other] = await upPair(world);
    let tag = 2;
    while (tag < 2000) {
      while (tag < 2000 && one.offer(tag) === 'accepted') tag++;
      await world.pass(5);
    }
    await world.pass(100);
    expect(other.tags).toEqual(Array.from({ length: 1999 }, (_, i) => i + 1));
    expect(one.link.counters.framesRetransmitted).toBe(0);
  });
});

describe('a link whose peer is silent', () => {
  it('L4: gives back as not received what could never leave', async () => {
    const world = new LinkedWorld();
    const [one] = pair(world);
    world.network.cutBoth(a, b);
    one.offer(1);
    await world.pass(2600);
    expect(one.outcomes.get(1)).toEqual(['not-received']);
    expect(one.link.state).toMatchObject({ kind: 'down', reason: 'no-answer' });
    expect(one.offer(2)).toBe('down');
  });

  it('answers at once when the transport knows no route', async () => {
    const world = new LinkedWorld();
    const one = world.node('a', 10);
    expect(one.offer(1)).toBe('accepted');
    await world.pass(0);
    expect(one.outcomes.get(1)).toEqual(['not-received']);
    expect(one.link.state).toMatchObject({ kind: 'down', reason: 'no-route' });
  });

  it('L6: ends the link epoch without an acknowledgement, and settles each unknown item at the next', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    // The first of these arrives and only its acknowledgement is lost; the second does not arrive.
    const back = world.network.cut(b, a);
    one.offer(2, { kind: 'ask' });
    one.offer(3);
    await world.pass(5);
    const there = world.network.cut(a, b);
    one.offer(4, { kind: 'ask' });
    one.offer(5, { lane: 'system', kind: 'system' });
    await world.pass(2600);
    expect(one.link.state).toMatchObject({ kind: 'down', reason: 'no-acknowledgement' });
    expect([2, 3, 4, 5].map((tag) => one.outcomes.get(tag))).toEqual([
      ['unknown-outcome'],
      ['unknown'],
      ['unknown-outcome'],
      ['unknown'],
    ]);
    expect(one.offer(6)).toBe('down');
    there.mend();
    back.mend();
    await world.pass(6000);
    expect(one.link.state).toMatchObject({ kind: 'up', linkEpoch: 2 });
    expect([2, 3, 4, 5].map((tag) => one.outcome(tag))).toEqual([
      'received',
      'received',
      'not-received',
      'not-received',
    ]);
    expect(one.offer(7)).toBe('accepted');
    await world.pass(100);
    expect(other.tags).toEqual([1, 2, 3, 7]);
    expect(one.link.outstanding).toBe(0);
  });

  it('L5: settles rightly when the answer to the hello is lost and more epochs are begun', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    const back = world.network.cut(b, a);
    one.offer(2);
    await world.pass(5);
    // b hears every hello of a and begins epochs that a never learns of; b has items of its own in each.
    for (let tag = 100; tag < 110; tag++) {
      other.offer(tag);
      await world.pass(1000);
    }
    expect(one.outcomes.get(2)).toEqual(['unknown']);
    back.mend();
    await world.pass(10_000);
    expect(one.outcome(2)).toBe('received');
    expect(other.link.outstanding).toBe(0);
    expect([...other.outcomes.values()].every((all) => all.at(-1) !== 'unknown')).toBe(true);
    for (const [tag, all] of other.outcomes) {
      expect(one.tags.includes(tag)).toBe(all.at(-1) === 'received');
    }
  });

  it('stops trying when nobody wants it, and starts again when somebody does', async () => {
    const world = new LinkedWorld();
    const [one] = await upPair(world);
    const cut = world.network.cutBoth(a, b);
    one.link.peerGone();
    await world.pass(31_000);
    const hellos = one.link.counters.hellosSent;
    expect(hellos).toBeLessThan(20);
    await world.pass(60_000);
    expect(one.link.counters.hellosSent).toBeLessThanOrEqual(hellos + 1);
    cut.mend();
    expect(one.offer(2)).toBe('down');
    await world.pass(100);
    expect(one.link.state.kind).toBe('up');
  });

  it('L6: does not end the epoch of a node that slept itself', async () => {
    const world = new LinkedWorld();
    const [one] = await upPair(world);
    one.offer(2);
    one.offer(3, { lane: 'system' });
    await world.pass(2);
    one.process.freeze();
    await world.pass(60_000);
    one.process.thaw();
    await world.pass(1000);
    expect(one.link.state).toMatchObject({ kind: 'up', linkEpoch: 1 });
    expect(one.outcomes.get(2)).toEqual(['received']);
  });

  it('sends again what was lost, once the wait is over, and resolves it once', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    const cut = world.network.cut(a, b);
    one.offer(2);
    await world.pass(100);
    cut.mend();
    await world.pass(500);
    expect(other.tags).toEqual([1, 2]);
    expect(one.outcomes.get(2)).toEqual(['received']);
    expect(one.link.counters.framesRetransmitted).toBeGreaterThan(0);
    expect(one.link.state).toMatchObject({ linkEpoch: 1 });
  });

  it('holds frames after a gap, within its bounds', async () => {
    const options = { reorderFrames: 2, retransmitMs: 1000 };
    const world = new LinkedWorld(1, {}, options);
    const [one, other] = await upPair(world);
    const cut = world.network.cut(a, b);
    one.offer(2);
    await world.pass(5);
    cut.mend();
    for (let tag = 3; tag < 8; tag++) {
      one.offer(tag);
      await world.pass(5);
    }
    expect(other.tags).toEqual([1]);
    expect(other.link.counters).toMatchObject({ framesHeld: 2, framesDropped: 3 });
    await world.pass(4000);
    expect(other.tags).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('a link whose peer ends', () => {
  it('L2: ends at a hello of a newer node epoch: what had left is lost', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    world.network.cut(b, a);
    one.offer(2);
    await world.pass(5);
    one.offer(3);
    await world.pass(5);
    other.kill();
    world.network.mendAll();
    const next = world.node('b', 21);
    next.offer(200);
    await world.pass(100);
    expect(one.outcomes.get(2)).toEqual(['lost']);
    expect(one.outcomes.get(3)).toEqual(['lost']);
    expect(one.states.map(({ kind }) => kind)).toEqual(['connecting', 'up', 'idle', 'up']);
    expect(one.link.state).toMatchObject({ peerEpoch: 21, linkEpoch: 1 });
    expect(one.tags).toEqual([200]);
  });

  it('L2: tells a peer that still believes in an earlier life', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    other.kill();
    const next = world.node('b', 21);
    one.offer(2);
    await world.pass(200);
    expect(one.outcomes.get(2)).toEqual(['lost']);
    expect(one.link.state).toMatchObject({ kind: 'up', peerEpoch: 21 });
    expect(next.tags).toEqual([]);
    expect(next.link.counters.staleFramesRefused).toBeGreaterThan(0);
  });

  it('finds each other again when both have restarted', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    one.kill();
    other.kill();
    const [nextOne, nextOther] = [world.node('a', 30), world.node('b', 40)];
    nextOne.offer(1);
    await world.pass(300);
    expect(nextOther.tags).toEqual([1]);
    expect(nextOne.outcomes.get(1)).toEqual(['received']);
  });

  it('L2: refuses the frames of an epoch that the registry has ended', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    world.network.cut(b, a);
    one.offer(2);
    await world.pass(5);
    one.link.peerEpochEnded(20);
    one.link.peerEpochEnded(19);
    expect(one.outcomes.get(2)).toEqual(['lost']);
    expect(one.link.state).toEqual({ kind: 'idle' });
    world.network.mendAll();
    other.offer(200);
    await world.pass(10_000);
    expect(one.tags).toEqual([]);
    expect(one.link.counters.staleFramesRefused).toBeGreaterThan(0);
    expect(other.link.state.kind).toBe('down');
    expect(other.outcome(200)).toBe('unknown');
  });

  it('settles unknown items as lost when the epoch ends', async () => {
    const world = new LinkedWorld();
    const [one] = await upPair(world);
    world.network.cutBoth(a, b);
    one.offer(2);
    await world.pass(3000);
    expect(one.outcomes.get(2)).toEqual(['unknown']);
    one.link.peerEpochEnded(20);
    expect(one.outcomes.get(2)).toEqual(['unknown', 'lost']);
    expect(one.link.outstanding).toBe(0);
  });

  it('learns from a farewell what arrived and what did not', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    one.offer(2);
    await world.pass(5);
    const cut = world.network.cut(a, b);
    one.offer(3);
    await world.pass(5);
    cut.mend();
    other.link.close();
    await world.pass(5);
    expect(one.outcomes.get(2)).toEqual(['received']);
    expect(one.outcomes.get(3)).toEqual(['not-received']);
    expect(one.link.state).toMatchObject({ kind: 'down', reason: 'peer-closed' });
  });

  it('close sends what waits, leaves the rest unknown and answers down from then on', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    one.offer(2);
    one.link.close();
    one.link.close();
    expect(one.outcomes.get(2)).toEqual(['unknown']);
    expect(one.offer(3)).toBe('down');
    one.link.peerGone();
    one.link.peerEpochEnded(20);
    await world.pass(100);
    expect(other.tags).toEqual([1, 2]);
    expect(one.states.at(-1)).toEqual({ kind: 'closed' });
    other.offer(5);
    await world.pass(5000);
    expect(one.tags).toEqual([]);
  });

  it('ends when the transport says that the peer is gone', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    world.network.cut(b, a);
    one.offer(2);
    await world.pass(2);
    world.network.mendAll();
    one.link.peerGone();
    expect(one.link.state).toMatchObject({ kind: 'down', reason: 'peer-gone' });
    expect(one.outcomes.get(2)).toEqual(['unknown']);
    await world.pass(1000);
    expect(one.outcome(2)).toBe('received');
    expect(other.tags).toEqual([1, 2]);
    expect(other.states.at(-1)).toMatchObject({ kind: 'up', linkEpoch: 2 });
  });
});

describe('a host that calls back', () => {
  it('may close the link from inside a delivery: the rest of the frame is not delivered', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    other.onDelivery = ({ tag }) => {
      if (tag === 3) other.link.close();
    };
    for (const tag of [2, 3, 4]) one.offer(tag);
    await world.pass(100);
    expect(other.tags).toEqual([1, 2, 3]);
    expect(one.outcome(4)).toBe('not-received');
  });

  it('may answer from inside a delivery', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    other.onDelivery = ({ tag }) => {
      other.offer(tag + 100, { lane: 'system' });
    };
    for (const tag of [2, 3, 4]) one.offer(tag);
    await world.pass(100);
    expect(one.tags).toEqual([102, 103, 104]);
  });

  it('that throws in a delivery gets its error back, and no item twice', async () => {
    const world = new LinkedWorld();
    const [one, other] = await upPair(world);
    let thrown = 0;
    other.onDelivery = ({ tag }) => {
      if (tag === 3 && thrown++ === 0) throw new Error('from the host');
    };
    for (const tag of [2, 3, 4]) one.offer(tag);
    await expect(world.pass(50)).rejects.toThrow('from the host');
    await world.pass(1000);
    expect(other.tags).toEqual([1, 2, 3, 4]);
  });
});

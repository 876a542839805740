import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LoomError } from '../../src/ports/loom-error.ts';
import {
  maxFrameBytes,
  type TransportAttachment,
  type TransportListener,
} from '../../src/ports/transport.ts';

export interface TransportUnderTest {
  attach(node: string, listener: TransportListener): Promise<TransportAttachment>;
  /** Lets the transport work until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** A node that keeps what it gets. */
class Recorder implements TransportListener {
  readonly frames: { readonly from: string; readonly frame: Uint8Array }[] = [];
  readonly gone: string[] = [];
  onFrame: () => void = () => {};

  receive(from: string, frame: Uint8Array): void {
    this.frames.push({ from, frame });
    this.onFrame();
  }

  peerGone(peer: string): void {
    this.gone.push(peer);
  }
}

/** What every Transport does, whatever it stands on, while nothing is wrong with the network. */
export function transportContract(name: string, make: () => Promise<TransportUnderTest>): void {
  describe(`transport contract: ${name}`, () => {
    let under: TransportUnderTest;

    beforeEach(async () => {
      under = await make();
    });

    afterEach(async () => {
      await under.close();
    });

    async function node(id: string): Promise<[Recorder, TransportAttachment]> {
      const recorder = new Recorder();
      return [recorder, await under.attach(id, recorder)];
    }

    it('carries frames both ways and names the sender', async () => {
      const [one, a] = await node('a');
      const [other, b] = await node('b');
      expect(a.send('b', Uint8Array.from([1, 2, 3]))).toBe('sent');
      expect(b.send('a', Uint8Array.from([4]))).toBe('sent');
      await under.until(() => one.frames.length === 1 && other.frames.length === 1);
      expect(other.frames.map(({ from, frame }) => [from, ...frame])).toEqual([['a', 1, 2, 3]]);
      expect(one.frames.map(({ from, frame }) => [from, ...frame])).toEqual([['b', 4]]);
    });

    it('T1: carries every size up to the limit unchanged, in order', async () => {
      const [, a] = await node('a');
      const [other] = await node('b');
      const sizes = [0, 1, 2, 100, 65_535, 65_536, 65_537, 200_000, maxFrameBytes, 3, maxFrameBytes - 1];
      for (const [i, size] of sizes.entries()) {
        const frame = Uint8Array.from({ length: size }, (_, at) => (at * 31 + i) & 0xff);
        expect(a.send('b', frame)).toBe('sent');
      }
      await under.until(() => other.frames.length === sizes.length);
      expect(other.frames.map(({ frame }) => frame.length)).toEqual(sizes);
      for (const [i, { frame }] of other.frames.entries()) {
        expect(frame.every((byte, at) => byte === ((at * 31 + i) & 0xff))).toBe(true);
      }
    });

    it('T1: keeps thousands of small frames apart', async () => {
      const [, a] = await node('a');
      const [other] = await node('b');
      const count = 5000;
      for (let i = 0; i < count; i++)
        a.send('b', Uint8Array.from([i & 0xff, i >> 8, ...new Array<number>(i % 50).fill(7)]));
      await under.until(() => other.frames.length === count);
      expect(other.frames.every(({ frame }, i) => frame[0] === (i & 0xff) && frame[1] === i >> 8)).toBe(true);
      expect(other.frames.every(({ frame }, i) => frame.length === 2 + (i % 50))).toBe(true);
    });

    it('hands out bare byte arrays', async () => {
      const [, a] = await node('a');
      const [other] = await node('b');
      a.send('b', Uint8Array.from([1, 2]));
      await under.until(() => other.frames.length === 1);
      expect(Object.getPrototypeOf(other.frames[0]?.frame)).toBe(Uint8Array.prototype);
    });

    it('never receives from inside send', async () => {
      const [one, a] = await node('a');
      const [other, b] = await node('b');
      let sending = false;
      const send = (from: TransportAttachment, to: string): void => {
        sending = true;
        from.send(to, Uint8Array.from([1]));
        sending = false;
      };
      const inside: boolean[] = [];
      other.onFrame = () => {
        inside.push(sending);
        if (inside.length < 20) send(b, 'a');
      };
      one.onFrame = () => {
        inside.push(sending);
        if (inside.length < 20) send(a, 'b');
      };
      send(a, 'b');
      await under.until(() => inside.length >= 20);
      expect(inside.every((each) => !each)).toBe(true);
    });

    it('T2: says that a peer is not there, at once or soon', async () => {
      const [one, a] = await node('a');
      const outcome = a.send('nobody', Uint8Array.from([1]));
      if (outcome === 'sent') await under.until(() => one.gone.includes('nobody'));
      else expect(outcome).toBe('no-route');
    });

    it('refuses a frame above the limit', async () => {
      const [, a] = await node('a');
      await node('b');
      expect(() => a.send('b', new Uint8Array(maxFrameBytes + 1))).toThrow(LoomError);
      expect(() => a.send('b', new Uint8Array(maxFrameBytes + 1))).toThrow('FRAME_TOO_LARGE');
    });

    it('T4: after close sends and receives nothing, and the others learn of it', async () => {
      const [one, a] = await node('a');
      const [other, b] = await node('b');
      const [third, c] = await node('c');
      b.send('a', Uint8Array.from([1]));
      c.send('b', Uint8Array.from([1]));
      await under.until(() => one.frames.length === 1 && other.frames.length === 1);
      b.close();
      b.close();
      expect(b.send('a', Uint8Array.from([2]))).toBe('no-route');
      a.send('b', Uint8Array.from([3]));
      await under.until(() => one.gone.includes('b') && third.gone.includes('b'));
      c.send('a', Uint8Array.from([4]));
      await under.until(() => one.frames.length === 2);
      expect(one.frames.map(({ from }) => from)).toEqual(['b', 'c']);
      expect(other.frames.length).toBe(1);
    });

    it('takes a node again under the same name', async () => {
      const [one, a] = await node('a');
      const [, b] = await node('b');
      b.send('a', Uint8Array.from([1]));
      await under.until(() => one.frames.length === 1);
      b.close();
      await under.until(() => one.gone.includes('b'));
      const [again] = await node('b');
      expect(a.send('b', Uint8Array.from([9]))).toBe('sent');
      await under.until(() => again.frames.length === 1);
      expect([...(again.frames[0]?.frame ?? [])]).toEqual([9]);
    });
  });
}

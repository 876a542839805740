import { describe, expect, it } from 'vitest';
import type { TransportAttachment } from '../../../src/ports/transport.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { type NetworkQuality, SimulatedNetwork } from '../../../src/runtime/simulation/simulated-network.ts';
import { type ProcessClock, VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';

interface Arrival {
  readonly at: string;
  readonly from: string;
  readonly byte: number;
  readonly timeMs: number;
}

class Net {
  readonly time: VirtualTime = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
  readonly network: SimulatedNetwork;
  readonly arrivals: Arrival[] = [];
  readonly gone: string[] = [];

  constructor(quality: Partial<NetworkQuality> = {}, seed: number = 1) {
    this.network = new SimulatedNetwork(this.time, new SeededRandom(seed), quality);
  }

  node(name: string, group: string = 'none'): { process: ProcessClock; attached: TransportAttachment } {
    const process = this.time.process();
    this.network.place(name, group);
    const attached = this.network.transport(process).attach(name, {
      receive: (from, frame) => {
        this.arrivals.push({ at: name, from, byte: frame[0] ?? -1, timeMs: this.time.nowMs });
      },
      peerGone: (peer) => {
        this.gone.push(`${peer} to ${name}`);
      },
    });
    return { process, attached };
  }

  async pass(ms: number): Promise<void> {
    await this.time.run(this.time.nowMs + ms);
  }

  get bytes(): readonly number[] {
    return this.arrivals.map(({ byte }) => byte);
  }
}

function send(from: TransportAttachment, to: string, count: number): void {
  for (let i = 0; i < count; i++) from.send(to, Uint8Array.from([i]));
}

describe('the simulated network', () => {
  it('delays within its bounds and keeps the order', async () => {
    const net = new Net({ delayMs: 10, jitterMs: 20 });
    const a = net.node('a').attached;
    net.node('b');
    send(a, 'b', 100);
    await net.pass(100);
    expect(net.bytes).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(net.arrivals.every(({ timeMs }) => timeMs >= 10 && timeMs < 30)).toBe(true);
    expect(Object.values(net.network.faults).every((count) => count === 0)).toBe(true);
  });

  it('N1, N5: loses, doubles, reorders and delays as often as it is told, and counts', async () => {
    const quality = { delayMs: 10, jitterMs: 10, loss: 0.2, duplication: 0.1, reordering: 0.1, spike: 0.05 };
    const net = new Net(quality);
    const a = net.node('a').attached;
    net.node('b');
    for (let i = 0; i < 4000; i++) {
      a.send('b', Uint8Array.from([i & 0xff]));
      if (i % 10 === 9) await net.pass(5);
    }
    await net.pass(10_000);
    const { faults } = net.network;
    expect(net.arrivals.length).toBe(4000 - (faults['loss'] ?? 0) + (faults['duplication'] ?? 0));
    for (const [fault, share] of [
      ['loss', 0.2],
      ['duplication', 0.08],
      ['reordering', 0.09],
      ['delay', 0.04],
    ] as const) {
      expect(faults[fault], fault).toBeGreaterThan(4000 * share * 0.7);
      expect(faults[fault], fault).toBeLessThan(4000 * share * 1.3);
    }
    const inOrder = net.arrivals.every(({ byte }, i) => i === 0 || byte >= (net.arrivals[i - 1]?.byte ?? 0));
    expect(inOrder).toBe(false);
  });

  it('N1: gives one run for one seed', async () => {
    const run = async (seed: number): Promise<readonly Arrival[]> => {
      const net = new Net({ delayMs: 5, jitterMs: 50, loss: 0.3, duplication: 0.3, reordering: 0.3 }, seed);
      const a = net.node('a').attached;
      net.node('b');
      send(a, 'b', 200);
      await net.pass(1000);
      return net.arrivals;
    };
    expect(await run(5)).toEqual(await run(5));
    expect(await run(5)).not.toEqual(await run(6));
  });

  it('N2: a frozen process gets its frames at the thaw, a killed one never', async () => {
    const net = new Net({ delayMs: 1 });
    const a = net.node('a').attached;
    const b = net.node('b');
    b.process.freeze();
    send(a, 'b', 3);
    await net.pass(1000);
    expect(net.bytes).toEqual([]);
    b.process.thaw();
    await net.pass(1);
    expect(net.bytes).toEqual([0, 1, 2]);
    b.process.kill();
    expect(a.send('b', Uint8Array.from([9]))).toBe('sent');
    expect(b.attached.send('a', Uint8Array.from([9]))).toBe('no-route');
    b.attached.close();
    await net.pass(1000);
    expect(net.bytes).toEqual([0, 1, 2]);
    expect(net.gone).toEqual([]);
  });

  it('N2: a frame reaches whoever has the name when it arrives', async () => {
    const net = new Net({ delayMs: 10 });
    const a = net.node('a').attached;
    const old = net.node('b');
    send(a, 'b', 1);
    old.process.kill();
    net.node('b');
    await net.pass(20);
    expect(net.bytes).toEqual([0]);
  });

  it('N3: cuts one way between nodes, also what is in flight', async () => {
    const net = new Net({ delayMs: 10 });
    const a = net.node('a').attached;
    const b = net.node('b').attached;
    a.send('b', Uint8Array.from([1]));
    await net.pass(5);
    const cut = net.network.cut({ node: 'a' }, { node: 'b' });
    a.send('b', Uint8Array.from([2]));
    b.send('a', Uint8Array.from([3]));
    await net.pass(50);
    expect(net.bytes).toEqual([3]);
    expect(net.network.faults['cut']).toBe(2);
    cut.mend();
    cut.mend();
    a.send('b', Uint8Array.from([4]));
    await net.pass(50);
    expect(net.bytes).toEqual([3, 4]);
  });

  it('N3: cuts both ways between groups and leaves each group whole', async () => {
    const net = new Net();
    const a1 = net.node('a1', 'aws').attached;
    net.node('a2', 'aws');
    const g1 = net.node('g1', 'gcp').attached;
    net.network.cutBoth({ group: 'aws' }, { group: 'gcp' });
    a1.send('a2', Uint8Array.from([1]));
    a1.send('g1', Uint8Array.from([2]));
    g1.send('a1', Uint8Array.from([3]));
    await net.pass(10);
    expect(net.bytes).toEqual([1]);
    net.network.mendAll();
    g1.send('a2', Uint8Array.from([4]));
    await net.pass(10);
    expect(net.bytes).toEqual([1, 4]);
  });

  it('N4: tells of a node that leaves, but not across a cut', async () => {
    const net = new Net();
    const a = net.node('a').attached;
    const b = net.node('b').attached;
    net.node('c', 'far');
    net.network.cut({ node: 'b' }, { group: 'far' });
    b.close();
    expect(a.send('b', Uint8Array.from([1]))).toBe('no-route');
    await net.pass(10);
    expect(net.gone).toEqual(['b to a']);
  });

  it('has a quality for each direction, the latest rule first', async () => {
    const net = new Net({ delayMs: 1 });
    const a = net.node('a', 'aws').attached;
    const b = net.node('b', 'gcp').attached;
    send(a, 'b', 1);
    await net.pass(10);
    net.network.setQuality({ group: 'aws' }, { group: 'gcp' }, { delayMs: 40 });
    net.network.setQuality({ node: 'a' }, { node: 'b' }, { delayMs: 60 });
    net.network.setQuality({ group: 'aws' }, { group: 'gcp' }, { delayMs: 50 });
    send(a, 'b', 1);
    send(b, 'a', 1);
    await net.pass(100);
    net.network.setDefaultQuality({ delayMs: 7 });
    send(b, 'a', 1);
    await net.pass(100);
    expect(net.arrivals.map(({ at, timeMs }) => [at, timeMs])).toEqual([
      ['b', 1],
      ['a', 11],
      ['b', 60],
      ['a', 117],
    ]);
  });

  it('counts the bytes of each direction', () => {
    const net = new Net({ loss: 1 });
    const a = net.node('a').attached;
    net.node('b');
    a.send('b', new Uint8Array(10));
    a.send('b', new Uint8Array(5));
    expect(net.network.bytesSent('a', 'b')).toBe(15);
    expect(net.network.bytesSent('b', 'a')).toBe(0);
  });
});

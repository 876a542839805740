import type { TransportAttachment } from '../../../src/ports/transport.ts';
import { Link } from '../../../src/runtime/link/link.ts';
import type {
  ItemOutcome,
  Lane,
  LinkState,
  OfferOutcome,
  OutgoingItem,
  SkipReason,
} from '../../../src/runtime/link/link-host.ts';
import type { LinkOptions } from '../../../src/runtime/link/link-options.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { type NetworkQuality, SimulatedNetwork } from '../../../src/runtime/simulation/simulated-network.ts';
import { type ProcessClock, VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';
import type { WireEnvelope } from '../../../src/runtime/wire/wire-envelope.ts';

/** One item that a node took off its link. */
export interface Delivery {
  readonly tag: number;
  readonly lane: Lane;
  readonly body: number;
  /** The sender's node epoch and the link epoch, as the receiver saw them. */
  readonly peerEpoch: number;
  readonly linkEpoch: number;
}

/** One life of a node with its link to one peer, and all that the link told it. */
export class LinkedNode {
  readonly link: Link;
  readonly process: ProcessClock;
  readonly epoch: number;
  readonly deliveries: Delivery[] = [];
  readonly outcomes: Map<number, ItemOutcome[]> = new Map();
  readonly states: LinkState[] = [];
  readonly skipped: SkipReason[] = [];
  readonly frames: Uint8Array[] = [];
  readonly #attachment: TransportAttachment;
  onDelivery: (delivery: Delivery) => void = () => {};

  constructor(world: LinkedWorld, name: string, peer: string, epoch: number, options: Partial<LinkOptions>) {
    this.process = world.time.process();
    this.epoch = epoch;
    const attachment = world.network.transport(this.process).attach(name, {
      receive: (_from, frame) => this.link.receive(frame),
      peerGone: () => this.link.peerGone(),
    });
    this.#attachment = attachment;
    const host = {
      localNode: name,
      localEpoch: epoch,
      peer,
      clock: this.process,
      random: world.random.fork(name),
      send: (frame: Uint8Array) => {
        this.frames.push(frame);
        return attachment.send(peer, frame);
      },
      deliver: (envelope: WireEnvelope) => this.#deliver(envelope),
      resolved: (item: OutgoingItem, outcome: ItemOutcome) => {
        this.outcomes.get(item.tag)?.push(outcome);
      },
      changed: (state: LinkState) => {
        this.states.push(state);
      },
      skipped: (reason: SkipReason) => {
        this.skipped.push(reason);
      },
    };
    this.link = new Link(host, options);
  }

  get tags(): readonly number[] {
    return this.deliveries.map(({ tag }) => tag);
  }

  offer(
    tag: number,
    options: { lane?: Lane; kind?: OutgoingItem['kind']; bytes?: number } = {},
  ): OfferOutcome {
    const { lane = 'user', kind = 'tell', bytes = 1 } = options;
    const body = new Uint8Array(bytes).fill(tag & 0xff);
    const envelope: WireEnvelope = {
      kind: 'tell',
      target: { kind: 'named', path: lane },
      tellId: tag,
      protocol: 'test',
      message: 'put',
      body,
    };
    const answer = this.link.offer({ lane, kind, envelope, tag });
    // The body may be used again as soon as offer has answered.
    body.fill(0xee);
    if (answer === 'accepted') this.outcomes.set(tag, []);
    return answer;
  }

  /** The last word on an item, or undefined while there is none. */
  outcome(tag: number): ItemOutcome | undefined {
    return this.outcomes.get(tag)?.at(-1);
  }

  kill(): void {
    this.process.kill();
  }

  leave(): void {
    this.link.close();
    this.#attachment.close();
  }

  #deliver(envelope: WireEnvelope): void {
    if (envelope.kind !== 'tell' || envelope.target.kind !== 'named') throw new Error('not what was sent');
    const { state } = this.link;
    if (state.kind !== 'up') throw new Error('a delivery on a link that is not up');
    const lane = envelope.target.path as Lane;
    const { peerEpoch, linkEpoch } = state;
    const delivery = { tag: envelope.tellId, lane, body: envelope.body[0] ?? -1, peerEpoch, linkEpoch };
    this.deliveries.push(delivery);
    this.onDelivery(delivery);
  }
}

/** Two nodes, `a` and `b`, with a network between them on virtual time. */
export class LinkedWorld {
  readonly random: SeededRandom;
  readonly time: VirtualTime = new VirtualTime(() => new Promise((resolve) => setImmediate(resolve)));
  readonly network: SimulatedNetwork;
  readonly options: Partial<LinkOptions>;

  constructor(seed: number = 1, quality: Partial<NetworkQuality> = {}, options: Partial<LinkOptions> = {}) {
    this.random = new SeededRandom(seed);
    this.network = new SimulatedNetwork(this.time, this.random.fork('network'), quality);
    this.options = options;
  }

  node(name: 'a' | 'b', epoch: number, options: Partial<LinkOptions> = this.options): LinkedNode {
    return new LinkedNode(this, name, name === 'a' ? 'b' : 'a', epoch, options);
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    await this.time.run(this.time.nowMs + ms);
  }
}

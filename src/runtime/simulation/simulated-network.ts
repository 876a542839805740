import { LoomError } from '../../ports/loom-error.ts';
import {
  maxFrameBytes,
  type SendOutcome,
  type Transport,
  type TransportAttachment,
  type TransportListener,
} from '../../ports/transport.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { ProcessClock, VirtualTime } from './virtual-time.ts';

/** How frames fare between two places. Probabilities are from 0 to 1 for each frame, times in milliseconds. */
export interface NetworkQuality {
  /** One way, for every frame. */
  readonly delayMs: number;
  /** Up to so much more, evenly spread; frames keep their order. */
  readonly jitterMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** The frame leaves the queue: it is overtaken by later ones, or overtakes earlier ones. */
  readonly reordering: number;
  /** The frame, and those behind it, wait up to `spikeMs` longer. */
  readonly spike: number;
  readonly spikeMs: number;
}

/** One node, or all nodes that were placed in a group (a cloud). */
export type NetworkPlace = { readonly node: string } | { readonly group: string };

/**
 * The transport port on virtual time, for all nodes of a simulated cluster.
 *
 * N1. One seed gives one run: every choice comes from the given random numbers, in the order of the sends.
 * N2. A frame arrives as an event of the receiving process: a frozen one takes it at its thaw, a killed one never.
 *     It goes to whoever is attached under the name at that time, as it does for a restarted node with one address.
 * N3. A cut is directed; it takes what is sent during it and what is in flight when it begins. The sender is not told.
 * N4. An attachment that is closed in good order is told to the others (`peerGone`, 'no-route'); a kill is silent.
 * N5. Every fault that happens is counted under its name.
 */
export class SimulatedNetwork {
  /** How often each fault has happened: loss, duplication, reordering, delay, cut. */
  readonly faults: Record<string, number> = { loss: 0, duplication: 0, reordering: 0, delay: 0, cut: 0 };
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #nodes: Map<string, Attached> = new Map();
  readonly #groups: Map<string, string> = new Map();
  readonly #paths: Map<string, Path> = new Map();
  #default: NetworkQuality;
  #rules: QualityRule[] = [];
  #cuts: Cut[] = [];

  constructor(time: VirtualTime, random: SeededRandom, quality: Partial<NetworkQuality> = {}) {
    this.#time = time;
    this.#random = random;
    this.#default = { ...perfect, ...quality };
  }

  /** The transport as the given process sees it: frames arrive as events of that process. */
  transport(process: ProcessClock): Transport {
    return { attach: (node, listener) => this.#attach(node, listener, process) };
  }

  /** Puts a node into a group, for qualities and cuts. */
  place(node: string, group: string): void {
    this.#groups.set(node, group);
    this.#forgetQualities();
  }

  /** Sets how frames fare from one place to another, over the defaults; the latest rule that fits counts. */
  setQuality(from: NetworkPlace, to: NetworkPlace, quality: Partial<NetworkQuality>): void {
    const rule = { from, to, quality: { ...this.#default, ...quality } };
    this.#rules = this.#rules.filter((old) => !(samePlace(old.from, from) && samePlace(old.to, to)));
    this.#rules.push(rule);
    this.#forgetQualities();
  }

  /** Sets how frames fare where no rule fits. */
  setDefaultQuality(quality: Partial<NetworkQuality>): void {
    this.#default = { ...this.#default, ...quality };
    this.#forgetQualities();
  }

  /** Cuts one direction; `mend` of the handle ends it. Cuts may overlap. */
  cut(from: NetworkPlace, to: NetworkPlace): NetworkCut {
    const cut: Cut = { from, to };
    this.#cuts.push(cut);
    return {
      mend: () => {
        this.#cuts = this.#cuts.filter((other) => other !== cut);
      },
    };
  }

  /** Cuts both directions. */
  cutBoth(one: NetworkPlace, other: NetworkPlace): NetworkCut {
    const there = this.cut(one, other);
    const back = this.cut(other, one);
    return {
      mend: () => {
        there.mend();
        back.mend();
      },
    };
  }

  /** Ends every cut. */
  mendAll(): void {
    this.#cuts = [];
  }

  /** Bytes that were sent from one node to another, lost ones too. */
  bytesSent(from: string, to: string): number {
    return this.#paths.get(pathKey(from, to))?.bytes ?? 0;
  }

  #attach(node: string, listener: TransportListener, process: ProcessClock): TransportAttachment {
    const attached: Attached = { listener, process };
    this.#nodes.set(node, attached);
    return {
      send: (to, frame) => {
        if (this.#nodes.get(node) !== attached || process.killed) return 'no-route';
        return this.#send(node, to, frame);
      },
      close: () => {
        if (this.#nodes.get(node) !== attached) return;
        this.#nodes.delete(node);
        if (!process.killed) this.#tellGone(node);
      },
    };
  }

  #send(from: string, to: string, frame: Uint8Array): SendOutcome {
    if (frame.length > maxFrameBytes) {
      throw new LoomError('FRAME_TOO_LARGE', `a frame of ${frame.length} bytes was given to the network`);
    }
    if (!this.#nodes.has(to)) return 'no-route';
    const path = this.#path(from, to);
    path.bytes += frame.length;
    if (this.#isCut(from, to)) this.#count('cut');
    else if (this.#random.chance(path.quality.loss)) this.#count('loss');
    else {
      this.#carry(path, frame);
      if (this.#random.chance(path.quality.duplication)) {
        this.#count('duplication');
        this.#carry(path, frame);
      }
    }
    return 'sent';
  }

  #carry(path: Path, frame: Uint8Array): void {
    const { quality } = path;
    let waitMs = quality.delayMs + this.#random.float() * quality.jitterMs;
    if (this.#random.chance(quality.reordering)) {
      this.#count('reordering');
      // Anywhere from at once to well behind the queue.
      waitMs *= this.#random.float() * 3;
      this.#arrive(path, frame, this.#time.nowMs + waitMs);
      return;
    }
    if (this.#random.chance(quality.spike)) {
      this.#count('delay');
      waitMs += this.#random.float() * quality.spikeMs;
    }
    path.freeAtMs = Math.max(path.freeAtMs, this.#time.nowMs + waitMs);
    this.#arrive(path, frame, path.freeAtMs);
  }

  #arrive(path: Path, frame: Uint8Array, atMs: number): void {
    this.#time.at(atMs, () => {
      const { from, to } = path;
      const receiver = this.#nodes.get(to);
      if (receiver === undefined) return;
      if (this.#isCut(from, to)) {
        this.#count('cut');
        return;
      }
      receiver.process.enter(() => {
        if (this.#nodes.get(to) === receiver) receiver.listener.receive(from, frame);
      });
    });
  }

  #tellGone(node: string): void {
    for (const [other, attached] of this.#nodes) {
      if (this.#isCut(node, other)) continue;
      this.#time.at(this.#time.nowMs + this.#path(node, other).quality.delayMs, () => {
        if (this.#nodes.has(node)) return;
        attached.process.enter(() => {
          if (this.#nodes.get(other) === attached) attached.listener.peerGone?.(node);
        });
      });
    }
  }

  #path(from: string, to: string): Path {
    const key = pathKey(from, to);
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = { from, to, quality: this.#qualityOf(from, to), bytes: 0, freeAtMs: 0 };
      this.#paths.set(key, path);
    }
    return path;
  }

  #qualityOf(from: string, to: string): NetworkQuality {
    const rule = this.#rules.findLast((each) => this.#isIn(from, each.from) && this.#isIn(to, each.to));
    return rule?.quality ?? this.#default;
  }

  #forgetQualities(): void {
    for (const path of this.#paths.values()) path.quality = this.#qualityOf(path.from, path.to);
  }

  #isCut(from: string, to: string): boolean {
    if (this.#cuts.length === 0) return false;
    return this.#cuts.some((cut) => this.#isIn(from, cut.from) && this.#isIn(to, cut.to));
  }

  #isIn(node: string, place: NetworkPlace): boolean {
    return 'node' in place ? place.node === node : this.#groups.get(node) === place.group;
  }

  #count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }
}

export interface NetworkCut {
  /** Mending twice is harmless. */
  mend(): void;
}

interface Attached {
  readonly listener: TransportListener;
  readonly process: ProcessClock;
}

interface Path {
  readonly from: string;
  readonly to: string;
  quality: NetworkQuality;
  bytes: number;
  /** When the last frame that keeps its order arrives. */
  freeAtMs: number;
}

interface Cut {
  readonly from: NetworkPlace;
  readonly to: NetworkPlace;
}

interface QualityRule extends Cut {
  readonly quality: NetworkQuality;
}

function samePlace(one: NetworkPlace, other: NetworkPlace): boolean {
  if ('node' in one) return 'node' in other && one.node === other.node;
  return 'group' in other && one.group === other.group;
}

function pathKey(from: string, to: string): string {
  return `${from}\n${to}`;
}

const perfect: NetworkQuality = {
  delayMs: 1,
  jitterMs: 0,
  loss: 0,
  duplication: 0,
  reordering: 0,
  spike: 0,
  spikeMs: 1000,
};

import { LoomError } from '../../ports/loom-error.ts';
import { maxFrameBytes } from '../../ports/transport.ts';

/** The limits of one link. Both ends may differ: each sender keeps to the smaller of its own and the peer's offer. */
export interface LinkOptions {
  /** Frame with its header, bytes. Default 512 KiB, 1 KiB to 512 KiB. A larger envelope is FRAME_TOO_LARGE. */
  readonly maxFrameBytes: number;
  /** Items offered but not acknowledged, and the credit given to the peer. Default 4,096; 64 to 65,536. */
  readonly windowMessages: number;
  /** Bytes of frames offered but not acknowledged. Default 4 MiB; at least two frames. */
  readonly windowBytes: number;
  /** Part of `windowMessages` that only the system lane may use. Default an eighth, up to 512; below a half. */
  readonly reservedMessages: number;
  /** Part of `windowBytes` that only the system lane may use. Default a quarter, up to 1 MiB; below a half. */
  readonly reservedBytes: number;
  /** Frames held because an earlier one is missing; one more is dropped and comes again. Default 64; 0 to 4,096. */
  readonly reorderFrames: number;
  /** Bytes of those frames. Default 2 MiB. */
  readonly reorderBytes: number;
  /** An acknowledgement waits so long for a frame that it can ride on. Default 20 ms; 0 to 1,000. */
  readonly ackDelayMs: number;
  /** … but for no more frames than this. Default 8; 1 to 1,024. */
  readonly ackEveryFrames: number;
  /** The first retransmission, until round trips are known. Default 200 ms; 10 to 10,000. */
  readonly retransmitMs: number;
  /** What the wait between retransmissions grows to. Default 1,000 ms; at least `retransmitMs`. */
  readonly retransmitMaxMs: number;
  /** Frames sent again at one time. Default 16; 1 to 1,024. */
  readonly retransmitBurstFrames: number;
  /** No progress for so long with something outstanding ends the link epoch. Default 2,500 ms; 100 to 60,000. */
  readonly downAfterMs: number;
  /** The wait before the first attempt to reconnect; doubles with each, jittered. Default 100 ms; 1 to 60,000. */
  readonly reconnectMs: number;
  /** What that wait grows to. Default 5,000 ms; at least `reconnectMs`. */
  readonly reconnectMaxMs: number;
  /** A link that is down goes on trying for so long after it was last wanted. Default 30,000 ms; 0 to 3,600,000. */
  readonly wantedForMs: number;
}

/** Taken on trust before the peer has answered; every receiver offers at least as much. */
export const initialCredit = 64;

const defaults: Omit<LinkOptions, 'reservedMessages' | 'reservedBytes'> = {
  maxFrameBytes,
  windowMessages: 4096,
  windowBytes: 4 * 1024 * 1024,
  reorderFrames: 64,
  reorderBytes: 2 * 1024 * 1024,
  ackDelayMs: 20,
  ackEveryFrames: 8,
  retransmitMs: 200,
  retransmitMaxMs: 1000,
  retransmitBurstFrames: 16,
  downAfterMs: 2500,
  reconnectMs: 100,
  reconnectMaxMs: 5000,
  wantedForMs: 30_000,
};

/** The defaults with `given` over them. INVALID_DEFINITION names an option that is out of its range. */
export function linkOptions(given: Partial<LinkOptions> = {}): LinkOptions {
  const { windowMessages, windowBytes } = { ...defaults, ...given };
  const options: LinkOptions = {
    reservedMessages: Math.min(512, Math.floor(windowMessages / 8)),
    reservedBytes: Math.min(1024 * 1024, Math.floor(windowBytes / 4)),
    ...defaults,
    ...given,
  };
  const within = (name: keyof LinkOptions, least: number, most: number): void => {
    const value = options[name];
    if (value >= least && value <= most && Number.isInteger(value)) return;
    throw new LoomError('INVALID_DEFINITION', `the link option ${name} is not from ${least} to ${most}`, {
      details: { option: name, value },
    });
  };
  within('maxFrameBytes', 1024, maxFrameBytes);
  within('windowMessages', initialCredit, 65_536);
  within('windowBytes', 2 * options.maxFrameBytes, 1024 * 1024 * 1024);
  within('reservedMessages', 0, options.windowMessages / 2 - 1);
  within('reservedBytes', 0, options.windowBytes / 2 - 1);
  within('reorderFrames', 0, 4096);
  within('reorderBytes', 0, 1024 * 1024 * 1024);
  within('ackDelayMs', 0, 1000);
  within('ackEveryFrames', 1, 1024);
  within('retransmitMs', 10, 10_000);
  within('retransmitMaxMs', options.retransmitMs, 60_000);
  within('retransmitBurstFrames', 1, 1024);
  within('downAfterMs', 100, 60_000);
  within('reconnectMs', 1, 60_000);
  within('reconnectMaxMs', options.reconnectMs, 600_000);
  within('wantedForMs', 0, 3_600_000);
  return Object.freeze(options);
}

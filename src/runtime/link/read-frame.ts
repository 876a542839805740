import { LoomError } from '../../ports/loom-error.ts';
import { type Frame, parseFrame } from './frame.ts';
import type { LinkCounters } from './link-counters.ts';
import type { LinkHost } from './link-host.ts';

/** The frame that the bytes hold; undefined, and counted, when it is none or one of a newer version. */
export function readFrame(
  bytes: Uint8Array,
  counters: LinkCounters,
  host: Pick<LinkHost, 'skipped'>,
): Frame | undefined {
  try {
    const frame = parseFrame(bytes);
    if (frame.kind !== 'unknown') return frame;
    counters.newerFramesSkipped++;
  } catch (thrown) {
    if (!(thrown instanceof LoomError)) throw thrown;
    if (thrown.code === 'WIRE_VERSION') {
      counters.newerFramesSkipped++;
      host.skipped({ kind: 'wire-version', major: Number(thrown.details['major']) });
    } else {
      counters.malformedFramesDropped++;
    }
  }
  return undefined;
}

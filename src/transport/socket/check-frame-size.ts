import { LoomError } from '../../ports/loom-error.ts';
import { maxFrameBytes } from '../../ports/transport.ts';

/** FRAME_TOO_LARGE for what no transport carries. */
export function checkFrameSize(frame: Uint8Array): void {
  if (frame.length <= maxFrameBytes) return;
  throw new LoomError('FRAME_TOO_LARGE', `a frame of ${frame.length} bytes was given to the transport`);
}

import { LoomError } from '../ports/loom-error.ts';

/**
 * Hears of promises that failed and had no owner, in this process. Such a failure belongs to nobody who could answer
 * it, so the process should drain and exit. The answer takes the listener off.
 */
export function onFloatingRejection(listener: (error: LoomError) => void): () => void {
  const heard = (reason: unknown): void => {
    const detail = reason instanceof Error ? reason.message : String(reason);
    listener(
      new LoomError('NODE_FAILED', `a promise failed that nobody waits for: ${detail}`, { cause: reason }),
    );
  };
  process.on('unhandledRejection', heard);
  return () => {
    process.off('unhandledRejection', heard);
  };
}

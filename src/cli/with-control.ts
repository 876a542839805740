import type { Control } from '../actors/control/messages.ts';
import type { ActorRef } from '../runtime/actor-ref.ts';
import type { Call } from './command.ts';

/** Runs `work` against the cluster that serves the data folder of the settings; NOT_RUNNING when none does. */
export async function withControl<T>(
  call: Call,
  work: (control: ActorRef<typeof Control>) => Promise<T>,
): Promise<T> {
  const { values } = await call.settings();
  // Not at the top: help and version must not wait for the engine to load.
  const { connectControl } = await import('../node/connect-control.ts');
  const connection = await connectControl(values.dataDir);
  try {
    return await work(connection.control);
  } finally {
    await connection.close();
  }
}

/** How long a question that costs the cluster nothing may take, in milliseconds. */
export const quickMs = 10_000;

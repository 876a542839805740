import { Control } from '../actors/control/messages.ts';
import type { ActorRef } from '../runtime/actor-ref.ts';
import { ActorSystem } from '../runtime/actor-system.ts';
import { Router } from '../runtime/router.ts';
import { machine, socketClient } from './compose.ts';
import { controlNode, controlPath } from './dev-control.ts';
import { connectFolder } from './folder-lock-connect.ts';

/** A connection to the control actor of the process that serves a data folder. */
export interface ControlConnection {
  readonly control: ActorRef<typeof Control>;
  close(): Promise<void>;
}

/** Connects to whoever serves the folder; NOT_RUNNING when nobody does. */
export async function connectControl(folder: string): Promise<ControlConnection> {
  const { holder, socket } = await connectFolder(folder);
  const { clock, random } = machine();
  const node = `cli-${random.hex(6)}`;
  const transport = await socketClient(holder.socket, socket, node);
  const system = new ActorSystem({ node, epoch: 1, clock, random });
  const router = new Router({
    engine: system.engine,
    transport,
    inbox: { cellAt: (path) => system.cellAt(path), host: () => undefined },
  });
  return {
    control: router.ref(Control, controlNode, controlPath),
    close: async () => {
      await system.close();
      router.close();
    },
  };
}

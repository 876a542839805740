import type { Command } from '../command.ts';
import { completion } from './completion.ts';
import { configExplain } from './config-explain.ts';
import { demo } from './demo.ts';
import { dev } from './dev.ts';
import { explain } from './explain.ts';
import { get } from './get.ts';
import { help } from './help.ts';
import { ingest } from './ingest.ts';
import { ls } from './ls.ts';
import { registryLs } from './registry-ls.ts';
import { sim } from './sim.ts';
import { status } from './status.ts';
import { verify } from './verify.ts';
import { version } from './version.ts';

/** Every command, in the order in which help shows them. A new one is a file beside this one and a line here. */
export const commandTable: readonly Command[] = Object.freeze([
  demo,
  dev,
  status,
  ingest,
  ls,
  get,
  verify,
  registryLs,
  sim,
  configExplain,
  explain,
  completion,
  version,
  help,
]);

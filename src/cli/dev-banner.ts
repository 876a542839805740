import type { DevCluster } from '../node/dev-cluster.ts';
import { commandWord, shellWord } from './command-word.ts';
import { nodeTable } from './commands/status.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

const durabilityWords: Readonly<Record<DevCluster['durability'], string>> = {
  'power-safe': 'an acknowledged write survives a power cut',
  'process-crash-safe': 'an acknowledged write survives kill -9, not a power cut',
  memory: 'an acknowledged write survives nothing',
};

export interface BannerSurroundings {
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether the folder is the one that commands use by default. */
  readonly usualFolder: boolean;
  readonly paint: Paint;
}

/** What `loom dev` says when it is ready: every address, the folder, what is kept, and what to do next. */
export function devBanner(cluster: DevCluster, surroundings: BannerSurroundings): string {
  const { version, environment, usualFolder, paint } = surroundings;
  const { folder, durability, nodes, kept } = cluster;
  const clouds = new Set(nodes.map(({ cloud }) => cloud)).size;
  const facts = [
    ['folder', `${folder.path} (${kept ? 'kept' : 'not kept'}${folder.fresh ? ', new' : ''})`],
    ['durability', `${durability}: ${durabilityWords[durability]}`],
    ['socket', folder.lock.holder.socket],
    ['admin', 'none'],
    ['http', 'none'],
  ];
  const word = commandWord(environment);
  const where = usualFolder ? '' : ` --data-dir ${shellWord(folder.path)}`;
  return [
    `${paint.bold(`Loom ${version}`)}: ${count(nodes.length, 'node')} in ${count(clouds, 'cloud')}, one process (${process.pid}).`,
    '',
    nodeTable(nodes, paint),
    ...facts.map(([name = '', value = '']) => `${paint.dim(name.padEnd(10))}  ${printable(value)}`),
    '',
    'Next, in another terminal:',
    ...[`ingest FILE${where}`, `ls${where}`, `status${where}`].map((line) => `  ${word} ${line}`),
    '',
    'Ctrl-C drains and stops; a second one stops at once.',
    '',
  ].join('\n');
}

/** The same for programs. */
export function devReport(cluster: DevCluster): object {
  const { folder, durability, nodes, kept } = cluster;
  return {
    pid: process.pid,
    socket: folder.lock.holder.socket,
    folder: folder.path,
    durability,
    kept,
    nodes,
    adminAddress: null,
    httpAddress: null,
  };
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

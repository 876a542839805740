import type { ClusterStatus } from '../../actors/control/messages.ts';
import type { Command } from '../command.ts';
import type { Paint } from '../paint.ts';
import { renderTable } from '../render-table.ts';
import { quickMs, withControl } from '../with-control.ts';

/** `loom status`: the nodes of the running cluster and what they are. */
export const status: Command = {
  name: 'status',
  summary: 'Show the nodes of a running cluster and what they are',
  examples: [
    { line: 'loom status', does: 'as a table' },
    { line: 'loom status -o json', does: 'for programs' },
  ],
  arguments: [],
  options: [],
  settings: ['dataDir'],
  run: async (call) => {
    const { signal } = call.io;
    const answer = await withControl(call, (control) =>
      control.ask.status({}, { deadlineMs: quickMs, signal }),
    );
    call.output.result(answer, () => statusText(answer, call.output.paint));
    return undefined;
  },
};

function statusText({ nodes, durability, adminAddress, httpAddress }: ClusterStatus, paint: Paint): string {
  const facts = [
    ['durability', durability],
    ['admin', adminAddress ?? 'none'],
    ['http', httpAddress ?? 'none'],
  ];
  return `${nodeTable(nodes, paint)}\n${facts.map(([name = '', value = '']) => `${name.padEnd(10)}  ${value}\n`).join('')}`;
}

/** Nodes with where they stand. */
export function nodeTable(nodes: Readonly<ClusterStatus['nodes']>, paint: Paint): string {
  return renderTable(
    [
      { title: 'NODE' },
      { title: 'CLOUD' },
      { title: 'REGION' },
      { title: 'ZONE' },
      { title: 'EPOCH', align: 'right' },
      { title: 'STATE' },
    ],
    nodes.map(({ id, cloud, region, zone, epoch, state }) => [id, cloud, region, zone, String(epoch), state]),
    paint,
  );
}

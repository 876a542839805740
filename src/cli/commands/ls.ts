import { formatBytes } from '../../config/size.ts';
import type { Command } from '../command.ts';
import { renderTable } from '../render-table.ts';
import { quickMs, withControl } from '../with-control.ts';

/** `loom ls`: the data sets, and the ingests that are under way. */
export const ls: Command = {
  name: 'ls',
  summary: 'List the data sets, and the ingests that are under way',
  examples: [
    { line: 'loom ls', does: 'as a table' },
    { line: 'loom ls -o json', does: 'for programs' },
  ],
  arguments: [],
  options: [],
  settings: ['dataDir'],
  run: async (call) => {
    const { signal } = call.io;
    const answer = await withControl(call, (control) =>
      control.ask.list({}, { deadlineMs: quickMs, signal }),
    );
    call.output.result(answer, () => {
      if (answer.datasets.length === 0) return 'no data set yet: loom ingest FILE makes one\n';
      return renderTable(
        [
          { title: 'NAME' },
          { title: 'SIZE', align: 'right' },
          { title: 'CHUNKS', align: 'right' },
          { title: 'STATE' },
          { title: 'CREATED' },
        ],
        answer.datasets.map(({ name, bytes, chunks, state, createdMs }) => [
          name,
          formatBytes(bytes),
          String(chunks),
          state,
          new Date(createdMs).toISOString(),
        ]),
        call.output.paint,
      );
    });
    return undefined;
  },
};

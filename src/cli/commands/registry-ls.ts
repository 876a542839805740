import { formatBytes } from '../../config/size.ts';
import type { Command } from '../command.ts';
import { renderTable } from '../render-table.ts';
import { quickMs, withControl } from '../with-control.ts';

/** `loom registry ls`: what the registry holds. */
export const registryLs: Command = {
  name: 'registry ls',
  summary: 'Show members, leases with their tokens, and keys of the registry',
  examples: [
    { line: 'loom registry ls', does: 'as tables' },
    { line: 'loom registry ls -o json', does: 'for programs' },
  ],
  arguments: [],
  options: [],
  settings: ['dataDir'],
  run: async (call) => {
    const { signal } = call.io;
    const listing = await withControl(call, (control) =>
      control.ask.registry({}, { deadlineMs: quickMs, signal }),
    );
    const { paint } = call.output;
    call.output.result(listing, () => {
      const members = renderTable(
        [{ title: 'MEMBER' }, { title: 'EPOCH', align: 'right' }, { title: 'STATE' }],
        listing.members.map(({ node, epoch, state }) => [node, String(epoch), state]),
        paint,
      );
      const leases = renderTable(
        [{ title: 'LEASE' }, { title: 'TOKEN', align: 'right' }, { title: 'HOLDER' }],
        listing.leases.map(({ key, token, holder }) => [key, String(token), holder ?? '(free)']),
        paint,
      );
      const keys = renderTable(
        [{ title: 'KEY' }, { title: 'SIZE', align: 'right' }, { title: 'REVISION', align: 'right' }],
        listing.keys.map(({ key, bytes, revision }) => [key, formatBytes(bytes), String(revision)]),
        paint,
      );
      return `${members}\n${leases}\n${keys}`;
    });
    return undefined;
  },
};

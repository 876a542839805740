import type { VerifyReport } from '../../actors/control/messages.ts';
import { checkDatasetName } from '../../actors/pipeline/job-plan.ts';
import { formatBytes } from '../../config/size.ts';
import type { Command } from '../command.ts';
import { printable } from '../printable.ts';
import { renderTable } from '../render-table.ts';
import { withControl } from '../with-control.ts';

/** A verification reads every replica again: it may take as long as the bytes take, in milliseconds. */
const verifyWithinMs = 24 * 3_600_000;

/** `loom verify <name>`: reads every replica of every chunk again. */
export const verify: Command = {
  name: 'verify',
  summary: 'Read every replica of a data set again and check every byte',
  examples: [
    { line: 'loom verify batch.jsonl', does: 'exit code 0 only when every replica verifies' },
    { line: 'loom verify batch.jsonl -o json', does: 'for programs' },
  ],
  arguments: [{ name: 'name', summary: 'the data set', required: true }],
  options: [],
  settings: ['dataDir'],
  run: async (call) => {
    const name = call.argument('name');
    checkDatasetName(name);
    const { signal } = call.io;
    call.output.note(`Verifying ${printable(name)} …`);
    const report = await withControl(call, (control) =>
      control.ask.verify({ name }, { deadlineMs: verifyWithinMs, signal }),
    );
    call.output.result(report, () => {
      const { green, red } = call.output.paint;
      const facts = reportFacts(report);
      if (report.bad.length === 0) return `${green('ok')}  ${facts}\n`;
      const table = renderTable(
        [{ title: 'CHUNK', align: 'right' }, { title: 'NODE' }, { title: 'REASON' }],
        report.bad.map(({ chunk, node, reason }) => [String(chunk), node, reason]),
        call.output.paint,
      );
      return `${red(`${report.bad.length} bad`)}  ${facts}\n\n${table}`;
    });
    return report.bad.length === 0 ? undefined : 1;
  },
};

/** What a verification found, in one line. */
export function reportFacts({ name, bytes, chunks, replicasMin, cloudsMin }: VerifyReport): string {
  const size = `${formatBytes(bytes)} in ${chunks} ${chunks === 1 ? 'chunk' : 'chunks'}`;
  return `${printable(name)}: ${size}, at least ${replicasMin} replicas in ${cloudsMin} clouds`;
}

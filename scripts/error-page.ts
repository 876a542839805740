import { errorTable } from '../src/ports/error-table.ts';

/** docs/errors.md as the error table says it. */
export function errorPage(): string {
  const rows = Object.entries(errorTable).map(([code, { sentence, retryable, remedy, exitCode }]) =>
    [
      '',
      ` \`${code}\` `,
      ` ${cell(sentence)} `,
      ` ${retryable ? 'yes' : 'no'} `,
      ` ${cell(remedy)} `,
      ` ${exitCode} `,
      '',
    ].join('|'),
  );
  return `# Errors

Every error that Loom raises on purpose has one of these codes: in logs, on the wire, in the \`error.code\` of
\`-o json\`, and in the first line of what the command line prints. \`loom explain CODE\` prints a row.

*Again?* says whether the very same call may succeed later. *Exit* is the exit code of a command that ends with it.

This page is written from \`src/ports/error-table.ts\` by \`npx tsx scripts/write-error-page.ts\`; a test holds the two
equal.

| Code | What happened | Again? | What to do | Exit |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

import { nearMiss } from '../../config/near-miss.ts';
import { quote } from '../../config/quote.ts';
import { type ErrorCode, errorTable, isErrorCode } from '../../ports/error-table.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Call, Command } from '../command.ts';
import { renderTable } from '../render-table.ts';

const codes = Object.freeze(Object.keys(errorTable).filter(isErrorCode));

/** `loom explain [CODE]`: the row of the error table, or all of them. */
export const explain: Command = {
  name: 'explain',
  summary: 'Say what an error code means and what to do about it',
  examples: [
    { line: 'loom explain MAILBOX_FULL', does: 'one code' },
    { line: 'loom explain -o json', does: 'the whole table, for programs' },
  ],
  arguments: [
    { name: 'code', summary: 'an error code; all of them without one', required: false, choices: codes },
  ],
  options: [],
  settings: [],
  run: async (call) => {
    const word = call.optionalArgument('code');
    if (word === undefined) explainAll(call);
    else explainOne(call, findCode(word));
    return undefined;
  },
};

function findCode(word: string): ErrorCode {
  const code = word.toUpperCase().replaceAll('-', '_');
  if (isErrorCode(code)) return code;
  const meant = nearMiss(code, codes);
  const hint = meant === undefined ? 'run `loom explain` to see them all' : `did you mean ${meant}?`;
  throw new LoomError('INVALID_OPTION', `${quote(word)} is no error code; ${hint}`, {
    details: { option: 'code', value: word, ...(meant === undefined ? {} : { suggestion: meant }) },
  });
}

function explainOne({ output }: Call, code: ErrorCode): void {
  const row = errorTable[code];
  output.result({ code, ...row }, () =>
    [
      `${output.paint.bold(code)}: ${row.sentence}`,
      `  what to do: ${row.remedy}`,
      `  the same call may succeed later: ${row.retryable ? 'yes' : 'no'}`,
      `  exit code: ${row.exitCode}`,
      '',
    ].join('\n'),
  );
}

function explainAll({ output }: Call): void {
  const columns = [{ title: 'CODE' }, { title: 'EXIT', align: 'right' as const }, { title: 'MEANS' }];
  output.result({ codes: codes.map((code) => ({ code, ...errorTable[code] })) }, () =>
    renderTable(
      columns,
      codes.map((code) => [code, String(errorTable[code].exitCode), errorTable[code].sentence]),
      output.paint,
    ),
  );
}

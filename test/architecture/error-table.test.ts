import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorPage } from '../../scripts/error-page.ts';
import { type ErrorRow, errorTable } from '../../src/ports/error-table.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const howToWrite = 'run `npx tsx scripts/write-error-page.ts`';

/** The rows of the page, read from the page alone. */
function rowsOfPage(): ReadonlyMap<string, ErrorRow> {
  const rows = new Map<string, ErrorRow>();
  for (const line of page.split('\n')) {
    const match = /^\| `([^`]+)` \| (.+) \| (yes|no) \| (.+) \| (\d+) \|$/.exec(line);
    if (match === null) continue;
    const [, code = '', sentence = '', retryable, remedy = '', exitCode] = match;
    expect(rows.has(code), `${code} stands twice`).toBe(false);
    rows.set(code, {
      sentence: sentence.replaceAll('\\|', '|'),
      retryable: retryable === 'yes',
      remedy: remedy.replaceAll('\\|', '|'),
      exitCode: Number(exitCode),
    });
  }
  return rows;
}

test('every code of the table stands on the page, word for word', () => {
  const rows = rowsOfPage();
  for (const [code, row] of Object.entries(errorTable))
    expect(rows.get(code), `${code}: ${howToWrite}`).toEqual(row);
});

test('every code of the page stands in the table', () => {
  for (const code of rowsOfPage().keys()) expect(Object.keys(errorTable), howToWrite).toContain(code);
});

test('the page is as it is written from the table', () => {
  expect(page, howToWrite).toBe(errorPage());
});

const contractExitCodes = new Set([1, 2, 3, 4, 5, 6, 10, 70, 130]);

test.each(Object.entries(errorTable))('the row of %s is well formed', (code, row) => {
  expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
  expect(code.length).toBeLessThanOrEqual(63);
  expect(row.sentence).toMatch(/^[A-Z].*\.$/);
  expect(row.remedy).toMatch(/^[A-Z].*\.$/);
  expect(contractExitCodes).toContain(row.exitCode);
  expect(Object.isFrozen(row)).toBe(true);
});

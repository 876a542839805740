import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows as aligned columns under their titles, two blanks apart, no trailing blanks; ends with a line feed. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string {
  const cells = rows.map((row) => columns.map((_, index) => printable(row[index] ?? '')));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => width(row[index] ?? ''))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => {
        const fill = ' '.repeat(Math.max(0, (widths[index] ?? 0) - width(cell)));
        return columns[index]?.align === 'right' ? fill + cell : cell + fill;
      })
      .join('  ')
      .trimEnd();
  const titles = line(columns.map(({ title }) => title));
  return [paint.bold(titles), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

/** Characters, not code units: a name with an emoji must not push its column aside by two. */
function width(text: string): number {
  return [...text].length;
}

import type { Values } from './rounds.ts';
import { median, rounded, type Spread, spread } from './statistics.ts';
import type { Comparison, Scenario } from './suite.ts';

/** One line of the result. `ratio` is Loom's median divided by the peer's. */
export interface Pair {
  readonly name: string;
  readonly peer: string;
  readonly loom: number;
  readonly peerValue: number;
  readonly unit: string;
  readonly ratio: number;
  readonly spread: { readonly loom: Spread; readonly peer: Spread };
}

export interface LoadAverage {
  /** Over 1, 5 and 15 minutes. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export interface Row {
  readonly pair: Pair;
  readonly aim: Comparison['aim'];
}

export function rowsOf(scenario: Scenario, values: Values): readonly Row[] {
  const loom = values.get(scenario.loom.name) ?? [];
  return scenario.comparisons.map(({ peer, aim }) => {
    const peerValues = 'limit' in peer ? [peer.limit] : (values.get(peer.name) ?? []);
    return {
      aim,
      pair: {
        name: scenario.name,
        peer: peer.name,
        loom: rounded(median(loom)),
        peerValue: rounded(median(peerValues)),
        unit: scenario.unit,
        ratio: rounded(median(loom) / median(peerValues)),
        spread: { loom: roundedSpread(loom), peer: roundedSpread(peerValues) },
      },
    };
  });
}

function roundedSpread(values: readonly number[]): Spread {
  const { min, max } = spread(values);
  return { min: rounded(min), max: rounded(max) };
}

export function json(rows: readonly Row[], loadAverage: LoadAverage): string {
  return JSON.stringify({ pairs: rows.map(({ pair }) => pair), loadAverage });
}

/** A Markdown table, as `README.md` keeps it. */
export function table(rows: readonly Row[], loadAverage: LoadAverage): string {
  const lines = rows.map(({ pair, aim }) => [
    pair.name,
    pair.peer,
    `${quantity(pair.loom)} (${quantity(pair.spread.loom.min)}..${quantity(pair.spread.loom.max)})`,
    `${quantity(pair.peerValue)} (${quantity(pair.spread.peer.min)}..${quantity(pair.spread.peer.max)})`,
    pair.unit,
    pair.ratio.toPrecision(3),
    verdict(pair.ratio, aim),
  ]);
  const head = ['scenario', 'peer', 'Loom', 'peer value', 'unit', 'ratio', 'aim'];
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]?.length ?? 0)));
  const draw = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [
    draw(head),
    rule,
    ...lines.map(draw),
    '',
    `Load average (1, 5, 15 minutes): ${load(loadAverage.before)} before, ${load(loadAverage.after)} after.`,
  ].join('\n');
}

function verdict(ratio: number, aim: Comparison['aim']): string {
  if (aim === undefined) return '';
  if ('atLeast' in aim) return `>= ${aim.atLeast} ${ratio >= aim.atLeast ? 'met' : 'MISSED'}`;
  return `<= ${aim.atMost} ${ratio <= aim.atMost ? 'met' : 'MISSED'}`;
}

function quantity(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  return String(Math.round(value));
}

function load(averages: readonly number[]): string {
  return averages.map((average) => average.toFixed(2)).join(', ');
}

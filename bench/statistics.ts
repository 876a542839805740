export interface Spread {
  readonly min: number;
  readonly max: number;
}

/** The middle value, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const above = sorted[Math.floor(sorted.length / 2)];
  const below = sorted[Math.ceil(sorted.length / 2) - 1];
  if (above === undefined || below === undefined) throw new Error('no values');
  return (above + below) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { min: Math.min(...values), max: Math.max(...values) };
}

/** Four significant digits: more would claim what no run on a shared machine can. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

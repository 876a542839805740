const longestQuote = 100;

/** A value as it stands in an error message: quoted, control characters escaped, cut when it is long. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > longestQuote ? `${text.slice(0, longestQuote - 1)}…` : text;
}

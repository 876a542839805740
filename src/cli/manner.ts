export const outputFormats = ['table', 'json'] as const;

/** How errors and results are to be written. */
export interface Manner {
  readonly format: (typeof outputFormats)[number];
  readonly debug: boolean;
  readonly color: boolean;
}

/**
 * Reads the manner from the bare command line, before it is parsed: an error in parsing it must already be written in
 * the form that was asked for. What it does not understand it leaves to the parser to refuse.
 */
export function readManner(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Manner {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  const format = words.reduce<string>((last, word, index) => {
    if (word === '-o' || word === '--output') return words[index + 1] ?? last;
    return /^(?:-o|--output=)(.+)$/.exec(word)?.[1] ?? last;
  }, environment['LOOM_OUTPUT'] ?? 'table');
  return {
    format: format === 'json' ? 'json' : 'table',
    debug: words.includes('--debug') || isSet(environment['LOOM_DEBUG']),
    color: !words.includes('--no-color') && !isSet(environment['NO_COLOR']) && environment['TERM'] !== 'dumb',
  };
}

/** A variable that is empty counts as unset (so says no-color.org too). */
export function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

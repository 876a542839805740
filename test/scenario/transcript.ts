/** One command of a transcript with the output that it must give. */
export interface Step {
  /** The lines above the command: comments and blank lines, kept when the transcript is rewritten. */
  readonly before: string;
  /** The command line, and for some commands the indented lines under it. */
  readonly command: readonly string[];
  readonly output: readonly string[];
}

export interface Transcript {
  readonly steps: readonly Step[];
  /** What follows the last step. */
  readonly after: string;
}

const divider = '----';

/** Reads a transcript: comment lines begin with `#`; a command goes up to `----`, its output up to a blank line. */
export function parseTranscript(text: string): Transcript {
  const lines = text.split('\n');
  const steps: Step[] = [];
  let before: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] as string;
    if (line.trim() === '' || line.startsWith('#')) {
      before.push(line);
      at++;
      continue;
    }
    const command: string[] = [];
    while (at < lines.length && lines[at] !== divider) command.push(lines[at++] as string);
    if (at === lines.length) throw new Error(`no ${divider} after: ${command[0]}`);
    at++;
    const output: string[] = [];
    while (at < lines.length && lines[at] !== '') output.push(lines[at++] as string);
    steps.push({ before: before.map((kept) => `${kept}\n`).join(''), command, output });
    before = [];
  }
  return { steps, after: before.join('\n') };
}

export function printTranscript({ steps, after }: Transcript): string {
  const printed = steps.map(({ before, command, output }) =>
    [`${before}${command.join('\n')}`, divider, ...output, ''].join('\n'),
  );
  return printed.join('') + after;
}

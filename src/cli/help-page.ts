import type { ArgumentSpec, Command, OptionSpec } from './command.ts';
import { globalOptions } from './global-options.ts';
import { settingOption } from './setting-option.ts';

const widest = 100;
const narrowest = 40;
/** From here on the left column may take half the page; below, a third. */
const roomy = 60;

/** A blank at which no line is broken. */
const noBreak = '\u00a0';

type Row = readonly [left: string, right: string];

const exitCodes =
  '0 done, 1 failure, 2 wrong use, 3 cannot reach, 4 not allowed, 5 not found, 6 timed out, 10 unhealthy, 130 interrupted';

/** The help of one command: what it does, examples, usage, then every argument and option. */
export function commandHelp(command: Command, columns: number): string {
  const options = [...command.options, ...command.settings.map(settingOption)];
  return page(columns, [
    `${command.summary}.`,
    ['Examples:', command.examples.map(({ line, does }): Row => [line, does])],
    `Usage: ${usage(command)}`,
    ['Arguments:', command.arguments.map((one): Row => [argumentForm(one), argumentSummary(one)])],
    ['Options:', options.map(optionRow)],
    ['Everywhere:', [...globalOptions.map(optionRow), helpRow]],
  ]);
}

/** The help of `loom` itself, or of a group such as `loom config`: every command with its summary. */
export function groupHelp(group: string, commands: readonly Command[], columns: number): string {
  const members = commands.filter(({ name }) => group === '' || name.startsWith(`${group} `));
  const examples = members.flatMap((command) => command.examples.slice(0, 1));
  return page(columns, [
    group === '' ? 'Loom: a supervised actor runtime for data and AI pipelines that span clouds.' : '',
    ['Examples:', examples.map(({ line, does }): Row => [line, does])],
    `Usage: loom ${group === '' ? '' : `${group} `}<command> [options]`,
    ['Commands:', members.map(({ name, summary }): Row => [name, summary])],
    ['Everywhere:', [...globalOptions.map(optionRow), helpRow, ...(group === '' ? [versionRow] : [])]],
    group === '' ? `Exit codes: ${exitCodes}. Every error has a code: loom explain CODE.` : '',
  ]);
}

const helpRow: Row = ['-h, --help', 'this page'];
const versionRow: Row = ['-V, --version', 'the version'];

function usage({ name, arguments: takes }: Command): string {
  return ['loom', name, ...takes.map(argumentForm), '[options]'].join(' ');
}

function argumentForm({ name, required, variadic }: ArgumentSpec): string {
  const word = variadic === true ? `${name}...` : name;
  return required ? `<${word}>` : `[${word}]`;
}

function argumentSummary({ summary, choices, strict }: ArgumentSpec): string {
  return choices !== undefined && strict === true ? `${summary}: ${choices.join(', ')}` : summary;
}

function optionRow({
  flag,
  short,
  placeholder,
  summary,
  choices,
  environment,
  fallbackText,
}: OptionSpec): Row {
  const names = `${short === undefined ? '' : `-${short}, `}--${flag}`;
  const facts = [
    choices === undefined ? '' : `(${choices.join(', ')})`,
    environment === undefined ? '' : `[env:${noBreak}${environment}]`,
    fallbackText === undefined ? '' : `[default: ${fallbackText}]`,
  ].filter((fact) => fact !== '');
  return [placeholder === undefined ? names : `${names} ${placeholder}`, [summary, ...facts].join(' ')];
}

function page(
  columns: number,
  parts: readonly (string | readonly [title: string, rows: readonly Row[]])[],
): string {
  const width = Math.max(narrowest, Math.min(columns, widest));
  const blocks = parts.flatMap((part) => {
    if (typeof part === 'string') return part === '' ? [] : [wrap(part, width, 0)];
    const [title, rows] = part;
    return rows.length === 0 ? [] : [`${title}\n${list(rows, width)}`];
  });
  return `${blocks.join('\n\n')}\n`;
}

function list(rows: readonly Row[], width: number): string {
  const left = Math.min(
    Math.floor(width / (width < roomy ? 3 : 2)),
    Math.max(...rows.map(([name]) => name.length)),
  );
  const indent = left + 4;
  return rows
    .map(([name, text]) => {
      const body = wrap(text, width, indent);
      return name.length > left
        ? `  ${name}\n${' '.repeat(indent)}${body}`
        : `  ${name.padEnd(left)}  ${body}`;
    })
    .join('\n');
}

/** Breaks text between words; lines after the first begin with `indent` blanks. */
function wrap(text: string, width: number, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${' '.repeat(indent)}`).replaceAll(noBreak, ' ');
}

/** Runs one suite: `npm run bench -- <suite> [-o json] [--rounds N] [--only scenario]`. */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { local } from './local.ts';
import { installPeers } from './peers.ts';
import { pipeline } from './pipeline.ts';
import { json, type Row, rowsOf, table } from './report.ts';
import { runRounds } from './rounds.ts';
import type { Suite } from './suite.ts';
import { wire } from './wire.ts';

const suites: readonly Suite[] = [local, pipeline, wire];
const roundsMin = 1;
const roundsMax = 100;
const usageExitCode = 2;

interface Request {
  readonly suite: Suite;
  readonly rounds: number;
  readonly asJson: boolean;
}

/** What the arguments ask for, or a sentence that says what is wrong with them. */
function requestOf(args: readonly string[]): Request | string {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o', default: 'table' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
    },
  });
  const [name, ...surplus] = positionals;
  const suite = suites.find((candidate) => candidate.name === name);
  if (suite === undefined || surplus.length > 0) {
    return `name one suite:\n${suites.map((known) => `  ${known.name}  ${known.about}`).join('\n')}`;
  }
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < roundsMin || rounds > roundsMax) {
    return `--rounds is a whole number from ${roundsMin} to ${roundsMax}`;
  }
  if (values.output !== 'json' && values.output !== 'table') return '-o is table or json';
  const scenarios = suite.scenarios.filter(({ name }) => values.only === undefined || name === values.only);
  if (scenarios.length === 0) {
    return `--only names one of: ${suite.scenarios.map((known) => known.name).join(', ')}`;
  }
  return { suite: { ...suite, scenarios }, rounds, asJson: values.output === 'json' };
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const request = requestOf(args);
  if (typeof request === 'string') {
    tell(`bench: ${request}`);
    return usageExitCode;
  }
  await installPeers(tell);
  const before = loadavg();
  const rows: Row[] = [];
  for (const scenario of request.suite.scenarios) {
    const rounds = Math.min(request.rounds, scenario.roundsMax ?? roundsMax);
    rows.push(...rowsOf(scenario, await runRounds(scenario, rounds, tell)));
  }
  const loadAverage = { before, after: loadavg() };
  console.log(request.asJson ? json(rows, loadAverage) : table(rows, loadAverage));
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  tell(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof TypeError ? usageExitCode : 1;
}

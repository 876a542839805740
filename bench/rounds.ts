import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Contestant, Scenario } from './suite.ts';

const benchFolder = fileURLToPath(new URL('.', import.meta.url));
const programLimitMs = 120_000;

/** The values of each contestant, by its name, one a round. */
export type Values = ReadonlyMap<string, readonly number[]>;

export function contestantsOf(scenario: Scenario): readonly Contestant[] {
  const peers = scenario.comparisons.flatMap(({ peer }) => ('limit' in peer ? [] : [peer]));
  return [scenario.loom, ...peers];
}

/**
 * Runs every contestant once a round, one process at a time. Each round begins with another contestant, so that
 * whatever else the machine does falls on all of them.
 */
export async function runRounds(
  scenario: Scenario,
  rounds: number,
  told: (line: string) => void,
): Promise<Values> {
  const contestants = contestantsOf(scenario);
  const values = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    const first = round % contestants.length;
    const order = [...contestants.slice(first), ...contestants.slice(0, first)];
    for (const contestant of order) {
      const value = await run(contestant);
      values.get(contestant.name)?.push(value);
      told(`${scenario.name}: round ${round + 1} of ${rounds}: ${contestant.name}: ${value.toPrecision(4)}`);
    }
  }
  return values;
}

function run(contestant: Contestant): Promise<number> {
  const args = ['--expose-gc', contestant.program, contestant.scenario];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      args,
      {
        cwd: benchFolder,
        timeout: programLimitMs,
        env: { ...process.env, NODE_ENV: 'production', UV_THREADPOOL_SIZE: '16' },
      },
      (error, stdout, stderr) => {
        if (error !== null) {
          reject(new Error(`node ${args.join(' ')}: ${stderr.trim() || error.message}`));
          return;
        }
        const last = stdout.trimEnd().split('\n').at(-1) ?? '';
        resolve((JSON.parse(last) as { readonly value: number }).value);
      },
    );
  });
}

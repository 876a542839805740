/**
 * What CI runs, in CI's order. Stops at the first failing step; the last line is the sum of all runners.
 * To add a step, add a row to `steps`. A row with `counts` is a test runner, whose passed and failed tests
 * enter the sum; a check without counts enters it only when it fails, as one failure.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** `vitest`: the JSON report named by vitestReport. `last-line`: a last line `N passed, N failed` on stdout. */
  readonly counts?: 'vitest' | 'last-line';
}

const vitestReport = '.cache/vitest.json';

const steps: readonly Step[] = [
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'types', command: ['npm', 'run', '--silent', 'types'] },
  { name: 'walls', command: ['npm', 'run', '--silent', 'walls'] },
  { name: 'dead', command: ['npm', 'run', '--silent', 'dead'] },
  {
    name: 'test',
    command: [
      ...['npm', 'run', '--silent', 'coverage', '--'],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${vitestReport}`],
    ],
    counts: 'vitest',
  },
  {
    name: 'sim',
    command: ['npm', 'run', '--silent', 'sim', '--', '--seeds', '60', '--minutes', '10'],
    counts: 'last-line',
  },
  { name: 'docs', command: ['npm', 'run', '--silent', 'docs'] },
];

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));

function countVitest(): Counts {
  const report = JSON.parse(readFileSync(`${root}/${vitestReport}`, 'utf8')) as VitestReport;
  let passed = 0;
  let failed = 0;
  for (const file of report.testResults) {
    const broken = file.assertionResults.filter((test) => test.status !== 'passed');
    passed += file.assertionResults.length - broken.length;
    failed += broken.length;
    if (broken.length === 0 && file.status !== 'passed') failed += 1;
    for (const test of broken) {
      if (test.status !== 'failed') console.error(`not run (${test.status}): ${file.name}: ${test.fullName}`);
    }
  }
  return { passed, failed };
}

function countLastLine(stdout: string): Counts {
  const match = stdout.trimEnd().match(/(?:^|\n)(\d+) passed, (\d+) failed$/);
  if (match === null) throw new Error('the last line of its output is not `N passed, N failed`');
  return { passed: Number(match[1]), failed: Number(match[2]) };
}

function run(step: Step): Promise<{ exitCode: number; stdout: string }> {
  const [program = '', ...args] = step.command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, CI: 'true' },
      stdio: ['ignore', step.counts === 'last-line' ? 'pipe' : 'inherit', 'inherit'],
    });
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      process.stdout.write(text);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? 1, stdout }));
  });
}

function countStep(step: Step, exitCode: number, stdout: string): Counts {
  if (step.counts === undefined) return { passed: 0, failed: exitCode === 0 ? 0 : 1 };
  let counts: Counts;
  try {
    counts = step.counts === 'vitest' ? countVitest() : countLastLine(stdout);
  } catch (error) {
    console.error(`${step.name}: no result: ${error instanceof Error ? error.message : String(error)}`);
    return { passed: 0, failed: 1 };
  }
  if (counts.passed + counts.failed === 0) {
    console.error(`${step.name}: no test ran`);
    return { passed: 0, failed: 1 };
  }
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

let passed = 0;
let failed = 0;
mkdirSync(`${root}/.cache`, { recursive: true });
rmSync(`${root}/${vitestReport}`, { force: true });
for (const step of steps) {
  console.log(`\n== ${step.name}`);
  const startMs = performance.now();
  const { exitCode, stdout } = await run(step);
  const counts = countStep(step, exitCode, stdout);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  passed += counts.passed;
  failed += counts.failed;
  console.log(`== ${step.name}: ${counts.failed === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
  if (counts.failed > 0) break;
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

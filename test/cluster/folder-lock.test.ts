import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

interface Answer {
  readonly ready?: boolean;
  readonly held?: boolean;
  readonly refused?: string;
  readonly details?: { readonly pid?: number };
  readonly tookMs?: number;
  readonly child?: number;
}

/** A process that holds, or tries to. */
class Starter {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(folder: string) {
    const script = fileURLToPath(new URL('./folder-holder.ts', import.meta.url));
    this.process = spawn(process.execPath, ['--import', 'tsx', script, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.process.stdout === null) throw new Error('no stdout');
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the process ended without an answer');
    return JSON.parse(line.value) as Answer;
  }

  async order(what: 'hold' | 'release' | 'spawn'): Promise<Answer> {
    this.process.stdin?.write(`${what}\n`);
    return this.answer();
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }
}

const starterCount = 5;
const roundCount = 12;
let folder = '';
let starters: Starter[] = [];

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-race-')));
  starters = Array.from({ length: starterCount }, () => new Starter(folder));
  for (const starter of starters) expect(await starter.answer()).toEqual({ ready: true });
});

beforeEach(() => {
  starters = starters.filter((starter) => starter.process.signalCode === null);
});

afterAll(async () => {
  for (const starter of starters) await starter.kill();
  await rm(folder, { recursive: true, force: true });
});

/** All at once; answers the winner, and fails unless everybody else was told so within a second. */
async function race(): Promise<Starter> {
  const answers = await Promise.all(starters.map((starter) => starter.order('hold')));
  const winners = starters.filter((_, index) => answers[index]?.held === true);
  expect(winners.length, JSON.stringify(answers)).toBe(1);
  const [winner] = winners;
  if (winner === undefined) throw new Error('nobody won');
  for (const answer of answers) {
    if (answer.held === true) continue;
    expect(answer).toMatchObject({ refused: 'FOLDER_HELD', details: { pid: winner.process.pid } });
    expect(answer.tookMs).toBeLessThan(1_000);
  }
  return winner;
}

test('of several processes that start at once exactly one holds the folder, round after round', async () => {
  for (let round = 0; round < roundCount; round++) await (await race()).order('release');
});

test('a frozen holder still holds', async () => {
  const winner = await race();
  const [other] = starters.filter((starter) => starter !== winner);
  winner.process.kill('SIGSTOP');
  const answer = await other?.order('hold');
  winner.process.kill('SIGCONT');
  expect(answer).toMatchObject({ refused: 'FOLDER_HELD', details: { pid: winner.process.pid } });
  expect(answer?.tookMs).toBeLessThan(1_000);
  await winner.order('release');
});

test('after kill -9 exactly one of the waiting ones takes the folder over', async () => {
  const first = await race();
  await first.kill();
  starters = starters.filter((starter) => starter !== first);
  await (await race()).order('release');
});

test('a folder whose holder was killed stays held while a child of the holder lives', async () => {
  const winner = await race();
  const [other] = starters.filter((starter) => starter !== winner);
  const { child } = await winner.order('spawn');
  if (child === undefined || other === undefined) throw new Error('no child');
  await winner.kill();
  expect(await other.order('hold')).toMatchObject({
    refused: 'FOLDER_HELD',
    details: { pid: winner.process.pid },
  });
  process.kill(child, 'SIGKILL');
  await expect.poll(() => other.order('hold'), { timeout: 5_000, interval: 20 }).toEqual({ held: true });
});

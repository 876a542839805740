import { expect, test } from 'vitest';
import { factLog } from '../../src/cli/fact-log.ts';
import { LoomError } from '../../src/ports/loom-error.ts';
import type { Fact } from '../../src/runtime/facts.ts';

const failed: Fact = {
  type: 'actor-failed',
  actor: 'aws-1/keeper',
  incarnation: 1,
  error: new LoomError('DISK_IO', 'the\u001b[31m disk'),
  message: 'stage',
  trace: undefined,
};

const facts: readonly Fact[] = [
  { type: 'internal-error', where: 'registry', error: 'text' },
  { type: 'node-escalated', error: new Error('why') },
  failed,
  { type: 'stop-overdue', actor: 'a', limitMs: 5 },
  { type: 'actor-restarting', actor: 'a', incarnation: 1, delayMs: 9.6 },
  { type: 'member-gone', node: 'gcp-1', epoch: 3 },
  { type: 'actor-started', actor: 'a', incarnation: 1 },
];

function lines(level: Parameters<typeof factLog>[0]): string[] {
  const said: string[] = [];
  const log = factLog(level, (line) => said.push(line));
  for (const fact of facts) log(fact.type === 'internal-error' ? '' : 'aws-1', fact);
  return said;
}

test('each level says what is as grave, and graver', () => {
  expect(lines('debug')).toEqual([
    'error  loom  registry: text',
    'error  aws-1  node-escalated: why',
    'warn   aws-1  aws-1/keeper failed at stage: DISK_IO: the\\x1b[31m disk',
    'warn   aws-1  a did not stop within 5 ms',
    'info   aws-1  a starts again in 10 ms',
    'debug  aws-1  member-gone gcp-1 (epoch 3)',
  ]);
  expect(lines('info')).toEqual(lines('debug').slice(0, 5));
  expect(lines('warn')).toEqual(lines('debug').slice(0, 4));
  expect(lines('error')).toEqual(lines('debug').slice(0, 2));
  expect(lines('silent')).toEqual([]);
});

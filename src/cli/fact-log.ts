import type { Settings } from '../config/settings.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Fact } from '../runtime/facts.ts';
import { printable } from './printable.ts';

type Level = Settings['logLevel'];

const gravity: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

/** Facts of at least `level` as lines: what, where, why. */
export function factLog(level: Level, write: (line: string) => void): (node: string, fact: Fact) => void {
  return (node, fact) => {
    const line = lineOf(fact);
    if (line === undefined || gravity[line.level] < gravity[level]) return;
    write(`${line.level.padEnd(5)}  ${node === '' ? 'loom' : node}  ${printable(line.text)}`);
  };
}

interface Line {
  readonly level: Exclude<Level, 'silent'>;
  readonly text: string;
}

/** Undefined for facts that other lines say already. */
function lineOf(fact: Fact): Line | undefined {
  switch (fact.type) {
    case 'internal-error':
      return { level: 'error', text: `${fact.where}: ${why(fact.error)}` };
    case 'node-escalated':
    case 'listener-failed':
      return { level: 'error', text: `${fact.type}: ${why(fact.error)}` };
    case 'actor-escalated':
      return { level: 'error', text: `${fact.actor} failed and nothing handles it: ${why(fact.error)}` };
    case 'actor-failed': {
      const at = fact.message === undefined ? '' : ` at ${fact.message}`;
      return { level: 'warn', text: `${fact.actor} failed${at}: ${why(fact.error)}` };
    }
    case 'stop-overdue':
      return { level: 'warn', text: `${fact.actor} did not stop within ${fact.limitMs} ms` };
    case 'frame-refused':
      return { level: 'warn', text: `a frame of ${fact.peer} was refused: ${fact.reason}` };
    case 'actor-restarting':
      return { level: 'info', text: `${fact.actor} starts again in ${Math.round(fact.delayMs)} ms` };
    case 'lease-lost':
      return { level: 'info', text: `lease ${fact.key} lost: ${fact.reason}` };
    case 'link-down':
      return { level: 'debug', text: `link to ${fact.peer} down: ${fact.reason}` };
    case 'link-up':
      return { level: 'debug', text: `link to ${fact.peer} up` };
    case 'member-up':
    case 'member-gone':
      return { level: 'debug', text: `${fact.type} ${fact.node} (epoch ${fact.epoch})` };
    case 'lease-acquired':
    case 'lease-released':
      return { level: 'debug', text: `${fact.type} ${fact.key} (token ${fact.token})` };
    case 'drain-step':
      return { level: 'debug', text: `drain: ${fact.step} ${fact.state}` };
    case 'dead-letter':
      return {
        level: 'debug',
        text: `dead letter ${fact.letter.message} to ${fact.letter.target}: ${fact.letter.code}`,
      };
    case 'late-reply':
      return { level: 'debug', text: `late reply of ${fact.actor} to ${fact.message}` };
    case 'actor-started':
    case 'actor-stopped':
      return undefined;
  }
}

function why(error: unknown): string {
  return error instanceof LoomError || error instanceof Error ? error.message : String(error);
}

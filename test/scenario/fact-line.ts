import type { Fact } from '../../src/runtime/facts.ts';

const pathOf = (address: string): string => (address === 'n1/$1' ? 'the node' : address.replace(/^n1\//, ''));
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A fact as a line of a transcript; undefined for those that no story here is about. */
export function lineOf(fact: Fact): string | undefined {
  switch (fact.type) {
    case 'actor-started':
      return `${pathOf(fact.actor)} started, incarnation ${fact.incarnation}`;
    case 'actor-failed':
      return `${pathOf(fact.actor)} failed: ${reasonOf(fact.error)}`;
    case 'actor-restarting':
      return `${pathOf(fact.actor)} ended incarnation ${fact.incarnation}, the next in ${fact.delayMs} ms`;
    case 'actor-stopped':
      return `${pathOf(fact.actor)} stopped: ${fact.reason}`;
    case 'actor-escalated':
      return `${pathOf(fact.actor)} escalates`;
    case 'node-escalated':
      return `the node must answer for: ${reasonOf(fact.error)}`;
    case 'stop-overdue':
      return `${pathOf(fact.actor)} is overdue after ${fact.limitMs} ms`;
    case 'dead-letter': {
      const { message, target, state, code } = fact.letter;
      return `dead letter: ${message} to ${pathOf(target)}: ${state}, ${code}`;
    }
    case 'late-reply':
      return `${pathOf(fact.actor)} replied too late`;
    case 'internal-error':
      return `internal error in ${fact.where}: ${reasonOf(fact.error)}`;
    default:
      return undefined;
  }
}

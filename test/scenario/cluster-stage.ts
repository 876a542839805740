import type { Fact } from '../../src/runtime/facts.ts';
import type { NodeLife } from '../runtime/cluster/cluster-fixture.ts';
import { TallyCluster } from '../runtime/cluster/tally-cluster.ts';

/** Where a story of several nodes is played: nodes that share one kind of virtual actors, and the lines they give. */
export class ClusterStage {
  #tallies = new TallyCluster();
  readonly #lines: string[] = [];
  #told = 0;
  readonly #commands: Readonly<Record<string, (rest: string[]) => void | Promise<void>>> = {
    cluster: (names) => this.#build(names),
    start: async ([name = '']) => {
      this.#hear(await this.#tallies.cluster.start(name));
    },
    kill: ([name = '']) => this.#tallies.cluster.kill(name),
    freeze: ([name = '']) => this.#tallies.cluster.freeze(name),
    thaw: ([name = '']) => this.#tallies.cluster.thaw(name),
    cut: ([one = '', other = '']) => void this.#tallies.cluster.cut(one, other),
    heal: () => this.#tallies.cluster.heal(),
    sever: ([name = '']) => this.#tallies.cluster.severRegistry(name),
    mend: ([name = '']) => this.#tallies.cluster.mendRegistry(name),
    drain: ([name = '', limit = '']) => this.#drain(name, msOf(limit)),
    tell: ([from = '', key = '', _verb, id = '']) => {
      this.#say(`${from}: ${this.#tallies.ref(from, key).tell.note({ id })}`);
    },
    ask: ([name = '', from = '', key = '', verb = '', ...rest]) => this.#ask(name, from, key, verb, rest),
    owners: (keys) => {
      for (const key of keys) {
        const alive = this.#tallies.alive(key).filter((one) => one.mayAct());
        this.#say(`${key}: ${alive.map(({ life, token }) => `${life.name} with token ${token}`).join(', ')}`);
      }
    },
    ledger: () => {
      for (const { name, node } of this.#tallies.cluster.living) {
        const counts = Object.entries(node.system.ledger.snapshot()).filter(([, count]) => count > 0);
        const shown = counts.map(([state, count]) => `${state} ${count}`).join(', ');
        this.#say(`${name}: ${shown}, in flight ${node.inFlight()}`);
      }
    },
    advance: ([time = '']) => this.#tallies.cluster.advance(msOf(time)),
  };

  /** Runs one command until nothing more happens at its time, and answers what was to be seen. */
  async play(command: readonly string[]): Promise<readonly string[]> {
    this.#lines.length = 0;
    const [verb = '', ...rest] = (command[0] ?? '').split(/\s+/);
    const run = this.#commands[verb];
    if (run === undefined) throw new Error(`no such command: ${verb}`);
    await run(rest);
    await this.#tallies.cluster.advance(0);
    return [...this.#lines];
  }

  async #build(names: readonly string[]): Promise<void> {
    this.#tallies = await TallyCluster.open(names, { flushMs: 40, actor: { stopMs: 1000 } });
    for (const life of this.#tallies.cluster.lives) this.#hear(life);
    this.#told = 0;
    this.#tallies.cluster.invariants.push(() => this.#tellLog());
  }

  #hear(life: NodeLife): void {
    life.node.system.facts.listen((fact) => {
      this.#tellLog();
      const line = clusterLineOf(fact);
      if (line !== undefined) this.#say(`${life.name}: ${line}`);
    });
  }

  /** What the virtual actors did since. */
  #tellLog(): void {
    const { log } = this.#tallies;
    for (const line of log.slice(this.#told)) {
      const words = line.split(' ');
      const node = words.pop();
      const key = words.pop();
      this.#say(
        `${node}: ${key} ${deeds[words[0] ?? ''] ?? words[0]}${words.slice(1).map((word) => ` ${word}`)}`,
      );
    }
    this.#told = log.length;
  }

  #ask(name: string, from: string, key: string, verb: string, rest: readonly string[]): void {
    const { attempt } = this.#tallies.ref(from, key);
    const options = { deadlineMs: 20_000 };
    const [argument = ''] = rest;
    const asked =
      verb === 'add'
        ? attempt.add({ id: argument }, options)
        : verb === 'work'
          ? attempt.work({ ms: msOf(argument) }, options)
          : attempt.read({}, options);
    asked
      .then((answer) => {
        this.#tellLog();
        this.#say(`${name} gets ${answer.ok ? JSON.stringify(answer.value) : answer.error.code}`);
      })
      .catch((error: unknown) => this.#say(`mistake in the stage: ${String(error)}`));
  }

  #drain(name: string, limitMs: number): void {
    const { node, process } = this.#tallies.cluster.life(name);
    node
      .drain(limitMs)
      .then(({ steps }) => {
        const late = steps.filter(({ overdue, error }) => overdue || error !== undefined);
        this.#say(
          `${name} is drained${late.length === 0 ? '' : `, but for: ${late.map(({ step }) => step).join(', ')}`}`,
        );
        process.kill();
      })
      .catch((error: unknown) => this.#say(`mistake in the stage: ${String(error)}`));
  }

  #say(text: string): void {
    this.#lines.push(`${this.#tallies.cluster.time.nowMs.toFixed(0).padStart(6)} ms  ${text}`);
  }
}

const deeds: Readonly<Record<string, string>> = {
  start: 'starts',
  flush: 'flushes',
  flushed: 'has flushed',
  add: 'adds',
};

/** A fact as a line of a story about several nodes; undefined for those that no story is about. */
function clusterLineOf(fact: Fact): string | undefined {
  switch (fact.type) {
    case 'member-up':
      return `sees ${fact.node} in epoch ${fact.epoch}`;
    case 'member-gone':
      return `sees the end of epoch ${fact.epoch} of ${fact.node}`;
    case 'link-down':
      return `link to ${fact.peer} down: ${fact.reason}`;
    case 'lease-acquired':
      return `has ${fact.key} with token ${fact.token}`;
    case 'lease-released':
      return `gives ${fact.key} back`;
    case 'lease-lost':
      return `may have lost ${fact.key}: ${fact.reason}`;
    case 'drain-step':
      return `drain, ${fact.step}: ${fact.state}`;
    case 'dead-letter': {
      const { message, target, state, code } = fact.letter;
      return `dead letter: ${message} to ${target}: ${state}, ${code}`;
    }
    default:
      return undefined;
  }
}

function msOf(text: string): number {
  const match = /^(\d+)(ms|s)$/.exec(text);
  if (match === null) throw new Error(`"${text}" is no time: write 100ms or 3s`);
  return Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}

import type { ActorRef } from '../../src/runtime/actor-ref.ts';
import type { Terminated } from '../../src/runtime/watch.ts';
import type { Puppet } from '../runtime/engine/puppet.ts';
import { World } from '../runtime/engine/world.ts';
import { type Casting, deedOf, type Role, roleOf } from './cast.ts';
import { lineOf } from './fact-line.ts';

type Ref = ActorRef<typeof Puppet>;

/** Where a transcript is played: one node on virtual time, and the lines that each command gave. */
export class Stage {
  #world = new World();
  readonly #lines: string[] = [];
  readonly #refs = new Map<string, Ref>();
  readonly #cancels = new Map<string, AbortController>();
  readonly #commands: Readonly<Record<string, (rest: string[], under: readonly string[]) => void>>;
  #advanceMs = 0;

  constructor() {
    this.#build({});
    this.#commands = {
      node: (rest) => {
        const { settings } = roleOf(['node', ...rest]);
        this.#build(settings.supervise ?? {});
      },
      spawn: (_rest, under) => this.#spawn(under),
      tell: ([path = '', ...deed]) => {
        const { words, deadlineMs, urgent } = limitsOf(deed);
        const ref = this.#ref(path);
        const act = deedOf(words, this.#world, this.#say);
        const options = deadlineMs === undefined ? undefined : { deadlineMs };
        const outcome = urgent ? ref.tell.urgent(act, options) : ref.tell.act(act, options);
        this.#say(outcome);
      },
      ask: ([name = '', path = '', ...deed]) => this.#ask(name, path, deed),
      cancel: ([name = '']) => this.#cancels.get(name)?.abort(),
      watch: ([path = '']) => {
        const told = ({ incarnation, reason }: Terminated) =>
          this.#say(`the watcher hears: ${path} ended in incarnation ${incarnation}: ${reason}`);
        this.#ref(path).onTerminated(told);
      },
      stop: ([path = '']) => this.#await(`stop of ${path}`, this.#world.system.stop(this.#ref(path))),
      kill: ([path = '']) => this.#world.system.kill(this.#ref(path)),
      drain: ([path = '', limit = '']) =>
        this.#await(`drain of ${path}`, this.#world.system.drainActor(this.#ref(path), msOf(limit))),
      close: () => this.#await('close', this.#world.system.close()),
      crash: () => this.#world.system.crash(),
      advance: ([time = '']) => {
        this.#advanceMs = msOf(time);
      },
      tree: () => {
        for (const path of [...this.#refs.keys()]) {
          const living = this.#world.system.find(path) as Ref | undefined;
          if (living !== undefined) this.#say(path);
        }
      },
      ledger: () => {
        const { ledger } = this.#world.system;
        const counts = Object.entries(ledger.snapshot()).filter(([, count]) => count > 0);
        this.#say(counts.map(([state, count]) => `${state} ${count}`).join(', '));
        this.#say(`in flight ${this.#world.system.inFlight()}`);
      },
    };
  }

  /** Runs one command until nothing more happens at its time, and answers what was to be seen. */
  async play(command: readonly string[]): Promise<readonly string[]> {
    this.#lines.length = 0;
    this.#advanceMs = 0;
    const [verb = '', ...rest] = (command[0] ?? '').split(/\s+/);
    const run = this.#commands[verb];
    if (run === undefined) throw new Error(`no such command: ${verb}`);
    run(rest, command.slice(1));
    await this.#world.run(this.#advanceMs);
    return [...this.#lines];
  }

  readonly #say = (text: string): void => {
    this.#lines.push(`${String(this.#world.time.nowMs).padStart(6)} ms  ${text}`);
  };

  #build(supervise: object): void {
    this.#world = new World({ supervise });
    this.#world.system.facts.listen((fact) => {
      const line = lineOf(fact);
      if (line !== undefined) this.#say(line);
    });
  }

  #ref(path: string): Ref {
    const living = this.#world.system.find(path) as Ref | undefined;
    if (living !== undefined) this.#refs.set(path, living);
    const ref = this.#refs.get(path);
    if (ref === undefined) throw new Error(`no such actor: ${path}`);
    return ref;
  }

  /** Each line is an actor: its name, then its options; what stands deeper under it are its children. */
  #spawn(lines: readonly string[]): void {
    const casting: Casting = {
      world: this.#world,
      say: this.#say,
      born: (path, ref) => this.#refs.set(path, ref),
    };
    const roles: Role[] = [];
    const above: { readonly depth: number; readonly role: Role }[] = [];
    for (const line of lines) {
      const depth = line.search(/\S/);
      const role = roleOf(line.trim().split(/\s+/));
      while ((above.at(-1)?.depth ?? -1) >= depth) above.pop();
      const parent = above.at(-1);
      parent?.role.children.push(role);
      above.push({ depth, role });
      if (parent === undefined) roles.push(role);
    }
    for (const role of roles) role.spawn(casting);
  }

  #ask(name: string, path: string, deed: string[]): void {
    const { words, deadlineMs } = limitsOf(deed);
    const cancel = new AbortController();
    this.#cancels.set(name, cancel);
    const act = deedOf(words, this.#world, this.#say);
    const options = { signal: cancel.signal };
    this.#ref(path)
      .attempt.call(act, deadlineMs === undefined ? options : { ...options, deadlineMs })
      .then((answer) => {
        if (answer.ok) this.#say(`${name} gets ${JSON.stringify(answer.value) ?? 'its reply'}`);
        else this.#say(`${name} gets ${answer.error.code}`);
      })
      .catch((error: unknown) => this.#say(`mistake in the stage: ${String(error)}`));
  }

  #await(what: string, promise: Promise<void>): void {
    promise.then(
      () => this.#say(`${what} is done`),
      (error: unknown) => this.#say(`${what} failed: ${String(error)}`),
    );
  }
}

/** `100ms` or `3s`. */
function msOf(text: string): number {
  const match = /^(\d+)(ms|s)$/.exec(text);
  if (match === null) throw new Error(`"${text}" is no time: write 100ms or 3s`);
  return Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}

function limitsOf(words: readonly string[]): {
  readonly words: readonly string[];
  readonly deadlineMs: number | undefined;
  readonly urgent: boolean;
} {
  const deadline = words.find((word) => word.startsWith('deadline='))?.slice('deadline='.length);
  const urgent = words[0] === 'urgent';
  return {
    words: words.slice(urgent ? 1 : 0).filter((word) => !word.startsWith('deadline=')),
    deadlineMs: deadline === undefined ? undefined : msOf(deadline),
    urgent,
  };
}

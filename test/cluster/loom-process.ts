import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../bin/loom.cjs', import.meta.url));

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** The built command line in a process of its own. */
export class LoomProcess {
  readonly process: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #startMs = performance.now();
  readonly #ended: Promise<Ended>;
  readonly #waiting = new Set<() => void>();
  #over = false;

  constructor(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const { npm_lifecycle_event: _, ...inherited } = process.env;
    this.process = spawn(process.execPath, [launcher, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, ...environment },
    });
    this.process.stdout?.on('data', (part: Buffer) => {
      this.stdout += String(part);
      this.#wake();
    });
    this.process.stderr?.on('data', (part: Buffer) => {
      this.stderr += String(part);
      this.#wake();
    });
    this.#ended = once(this.process, 'close').then(() => {
      this.#over = true;
      this.#wake();
      const { stdout, stderr } = this;
      const tookMs = performance.now() - this.#startMs;
      return { exitCode: this.process.exitCode, stdout, stderr, tookMs };
    });
  }

  /** Resolves when either stream has said `text`; rejects when the process ends without it. */
  async says(text: string): Promise<void> {
    while (!this.stdout.includes(text) && !this.stderr.includes(text)) {
      if (this.#over) throw new Error(`it ended without “${text}”:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  ended(): Promise<Ended> {
    return this.#ended;
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** kill -9, if it still runs. */
  async kill(): Promise<Ended> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL');
    return this.#ended;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Runs one command to its end. */
export function loom(...argv: string[]): Promise<Ended> {
  return new LoomProcess(argv).ended();
}

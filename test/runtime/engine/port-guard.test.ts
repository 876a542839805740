import { describe, expect, it } from 'vitest';
import { PortGuard } from '../../../src/runtime/port-guard.ts';
import { codeOf, fail, Gate, type PuppetContext, puppet } from './puppet.ts';
import { World } from './world.ts';

class Handle {
  closed = 0;
  read(): string {
    return 'bytes';
  }
  close(): void {
    this.closed++;
  }
}

/** A port with private state, a handle to give out, and an endless iteration. */
class Port {
  #calls = 0;
  readonly label = 'disk';
  readonly handle = new Handle();
  returned = 0;
  readonly gate = new Gate();

  get calls(): number {
    return this.#calls;
  }
  now(): number {
    this.#calls++;
    return 1;
  }
  async later(): Promise<number> {
    this.#calls++;
    await this.gate.opened;
    return 2;
  }
  async broken(): Promise<number> {
    await this.gate.opened;
    return fail('disk');
  }
  open(): Handle {
    return this.handle;
  }
  async openLater(): Promise<Handle> {
    await this.gate.opened;
    return this.handle;
  }
  lines(): AsyncIterable<number> {
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          this.#calls++;
          return Promise.resolve({ done: false, value: 7 });
        },
        return: () => {
          this.returned++;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
  }
  async *generate(): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      this.returned++;
    }
  }
}

function guarded() {
  const reports: unknown[] = [];
  const guard = new PortGuard((error) => reports.push(error));
  const raw = new Port();
  return { guard, raw, reports, port: guard.guard(raw) };
}

const thrown = (run: () => unknown): string => {
  try {
    run();
    return 'no error';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('while the incarnation lives', () => {
  it('a port works as it is: results, rejections, private state, instanceof, frozen ports', async () => {
    const { guard, raw, port } = guarded();
    expect(port).toBeInstanceOf(Port);
    expect([port.now(), port.label, port.calls, 'now' in port]).toEqual([1, 'disk', 1, true]);
    raw.gate.open();
    expect(await port.later()).toBe(2);
    await expect(port.broken()).rejects.toThrow('disk');
    const frozen = guard.guard(Object.freeze({ now: () => 3 }));
    expect(frozen.now()).toBe(3);
  });

  it('a handle can be closed by its user, and is then not closed again', () => {
    const { guard, raw, port } = guarded();
    const handle = port.open();
    expect(handle.read()).toBe('bytes');
    handle.close();
    guard.revoke();
    expect(raw.handle.closed).toBe(1);
  });

  it('an iteration that its user leaves is over', async () => {
    const { guard, raw, port } = guarded();
    const seen: number[] = [];
    for await (const n of port.generate()) {
      seen.push(n);
      if (n === 2) break;
    }
    guard.revoke();
    expect([seen, raw.returned]).toEqual([[0, 1, 2], 1]);
  });
});

describe('after the incarnation’s end', () => {
  it('a call throws STALE_INCARNATION and reaches nothing', () => {
    const { guard, raw, port } = guarded();
    guard.revoke();
    expect(thrown(() => port.now())).toBe('STALE_INCARNATION');
    expect(thrown(() => port.later())).toBe('STALE_INCARNATION');
    expect(raw.calls).toBe(0);
  });

  it('late answers are refused, good and bad ones', async () => {
    const { guard, raw, port } = guarded();
    const answers = [codeOf(port.later()), codeOf(port.broken())];
    guard.revoke();
    raw.gate.open();
    expect(await Promise.all(answers)).toEqual(['STALE_INCARNATION', 'STALE_INCARNATION']);
  });

  it('handles are closed, and refuse further use; closing again is harmless', () => {
    const { guard, raw, port } = guarded();
    const handle = port.open();
    guard.revoke();
    expect(raw.handle.closed).toBe(1);
    expect(thrown(() => handle.read())).toBe('STALE_INCARNATION');
    handle.close();
    expect(raw.handle.closed).toBe(1);
  });

  it('a handle that comes too late is closed and not given out', async () => {
    const { guard, raw, port } = guarded();
    const late = codeOf(port.openLater());
    guard.revoke();
    raw.gate.open();
    expect(await late).toBe('STALE_INCARNATION');
    expect(raw.handle.closed).toBe(1);
  });

  it('iterations end: the next step reaches nothing, and what was begun is returned', async () => {
    const { guard, raw, port } = guarded();
    const iterator = port.lines()[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 7 });
    guard.revoke();
    expect(raw.returned).toBe(1);
    expect(await codeOf(iterator.next())).toBe('STALE_INCARNATION');
    expect(raw.calls).toBe(1);
    await iterator.return?.();
    expect(raw.returned).toBe(1);
    expect(thrown(() => port.lines())).toBe('STALE_INCARNATION');
  });

  it('handles whose close fails are reported, and keep no other from being closed', async () => {
    const { guard, raw, port, reports } = guarded();
    const sync = guard.guard({ open: () => ({ close: () => fail('sync') }) });
    const later = guard.guard({ open: () => ({ close: () => Promise.reject(new Error('async')) }) });
    sync.open();
    later.open();
    port.open();
    guard.revoke();
    await Promise.resolve();
    expect(reports.map(String)).toEqual(['Error: sync', 'Error: async']);
    expect(raw.handle.closed).toBe(1);
  });
});

it('an actor’s ports belong to its incarnation: a restart, a stop and a kill revoke them', async () => {
  for (const end of ['restart', 'stop', 'kill'] as const) {
    const world = new World();
    const raw = new Port();
    let port: Port | undefined;
    const ref = world.system.spawn(
      puppet([], {
        setup: (context: PuppetContext) => {
          if (context.incarnation > 1) return;
          port = context.port(raw);
          port.open();
        },
      }),
    );
    await world.run();
    if (end === 'restart') ref.tell.act(() => fail());
    else if (end === 'stop') await world.until(world.system.stop(ref));
    else world.system.kill(ref);
    await world.run(100);
    expect(raw.handle.closed, end).toBe(1);
    expect(
      thrown(() => port?.now()),
      end,
    ).toBe('STALE_INCARNATION');
  }
});

it('a continuation that goes on after its turn was cut cannot touch the world', async () => {
  const world = new World();
  const raw = new Port();
  const ref = world.system.spawn(puppet());
  const gate = new Gate();
  ref.tell.act(async (context) => {
    const port = context.port(raw);
    await gate.opened;
    port.now();
  });
  await world.run();
  world.system.kill(ref);
  gate.open();
  await world.run();
  expect(raw.calls).toBe(0);
});

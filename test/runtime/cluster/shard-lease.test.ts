import { describe, expect, it } from 'vitest';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { LeaseAnswer, RegistryHandle } from '../../../src/ports/registry.ts';
import { ShardLease } from '../../../src/runtime/shard-lease.ts';
import { World } from '../engine/world.ts';

type Answer = 'answer' | 'lose' | 'fail';

/** A registry of one lease, which answers when it is told to. */
class OneLease {
  token = 0;
  heldBy: 'nobody' | 'us' | 'rival' = 'nobody';
  readonly calls: string[] = [];
  /** How the next calls go; `answer` when there is none. `lose` carries a call out and loses its answer. */
  readonly script: Answer[] = [];
  /** Calls wait for this many milliseconds. */
  delayMs = 10;
  error: LoomError = new LoomError('REGISTRY_UNREACHABLE', 'made to fail');
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  get handle(): RegistryHandle {
    const acquire = (): Promise<LeaseAnswer> =>
      this.#call('acquire', () => {
        if (this.heldBy === 'rival') return { kind: 'held', byNode: 'rival', token: this.token };
        if (this.heldBy === 'nobody') this.token++;
        this.heldBy = 'us';
        return { kind: 'granted', token: this.token };
      });
    const release = (_key: string, token: number): Promise<void> =>
      this.#call(`release ${token}`, () => {
        if (this.heldBy === 'us' && token === this.token) this.heldBy = 'nobody';
      });
    return { acquire, release } as unknown as RegistryHandle;
  }

  #call<T>(name: string, carryOut: () => T): Promise<T> {
    this.calls.push(name);
    const how = this.script.shift() ?? 'answer';
    return new Promise((resolve, reject) => {
      this.#world.clock.after(this.delayMs, () => {
        const answer = how === 'fail' ? undefined : carryOut();
        if (how === 'answer') resolve(answer as T);
        else reject(this.error);
      });
    });
  }
}

interface Stage {
  readonly world: World;
  readonly registry: OneLease;
  readonly lease: ShardLease;
  readonly granted: number[];
}

function stage(): Stage {
  const world = new World();
  const registry = new OneLease(world);
  const granted: number[] = [];
  const lease = new ShardLease('key', world.system.engine, registry.handle, {
    granted: (token) => granted.push(token),
  });
  return { world, registry, lease, granted };
}

describe('a shard’s lease', () => {
  it('is taken when wanted and given back when not', async () => {
    const { world, registry, lease, granted } = stage();
    lease.want();
    await world.run(10);
    expect(granted).toEqual([1]);
    lease.want();
    await world.run(1000);
    await world.until(lease.forgo());
    expect(registry).toMatchObject({ heldBy: 'nobody', calls: ['acquire', 'release 1'] });
    lease.want();
    await world.run(10);
    expect(granted).toEqual([1, 2]);
  });

  it('is tried again while another has it, and no longer than it is wanted', async () => {
    const { world, registry, lease, granted } = stage();
    registry.heldBy = 'rival';
    lease.want();
    await world.run(3000);
    expect(registry.calls.length).toBeGreaterThan(10);
    registry.heldBy = 'nobody';
    await world.run(300);
    expect(granted).toEqual([1]);
    await world.until(lease.forgo());
    registry.heldBy = 'rival';
    lease.want();
    await world.run(500);
    const { length } = registry.calls;
    await world.until(lease.forgo());
    await world.run(3000);
    expect(registry.calls.length).toBeLessThanOrEqual(length + 1);
  });

  it('tries at once when it is wanted again, whatever it waited for', async () => {
    const { world, registry, lease, granted } = stage();
    registry.heldBy = 'rival';
    lease.want();
    await world.run(3000);
    registry.heldBy = 'nobody';
    lease.want();
    await world.run(11);
    expect(granted).toEqual([1]);
  });

  it('SL2: is given back when it was granted too late', async () => {
    const { world, registry, lease, granted } = stage();
    lease.want();
    await world.run(5);
    const given = lease.forgo();
    await world.until(given);
    expect(granted).toEqual([]);
    expect(registry.heldBy).toBe('nobody');
  });

  it('SL2: is given back when its grant was never heard of', async () => {
    const { world, registry, lease, granted } = stage();
    registry.script.push('lose');
    lease.want();
    await world.run(15);
    expect(registry.heldBy).toBe('us');
    await world.until(lease.forgo());
    expect(registry.heldBy).toBe('nobody');
    expect(granted).toEqual([]);
  });

  it('SL2: is given back until the registry has answered', async () => {
    const { world, registry, lease } = stage();
    lease.want();
    await world.run(10);
    registry.script.push('fail', 'fail', 'fail');
    await world.until(lease.forgo());
    expect(registry.calls.filter((call) => call === 'release 1').length).toBe(4);
    expect(registry.heldBy).toBe('nobody');
  });

  it('SL1: is kept when it is wanted again before it was given back', async () => {
    const { world, registry, lease, granted } = stage();
    lease.want();
    await world.run(10);
    registry.script.push('fail');
    const given = lease.forgo();
    await world.run(5);
    lease.want();
    await world.until(given);
    await world.run(1000);
    expect(registry.heldBy).toBe('us');
    // Who wants it now is told, too.
    expect(granted).toEqual([1, 1]);
  });

  it('SL3: is given back before it is taken again after a doubt: the next token is larger', async () => {
    const { world, registry, lease, granted } = stage();
    lease.want();
    await world.run(10);
    lease.forfeit();
    lease.want();
    await world.run(1000);
    expect(registry.calls).toEqual(['acquire', 'release 1', 'acquire']);
    expect(granted).toEqual([1, 2]);
  });

  it('SL3: a grant that was under way when the doubt came is not used', async () => {
    const { world, lease, granted } = stage();
    lease.want();
    await world.run(5);
    lease.forfeit();
    lease.want();
    await world.run(1000);
    expect(granted).toEqual([2]);
  });

  it('ends with the epoch, and when it is closed', async () => {
    const ended = stage();
    ended.registry.error = new LoomError('EPOCH_ENDED', 'over');
    ended.registry.script.push('fail');
    ended.lease.want();
    await ended.world.run(20);
    ended.lease.want();
    await ended.world.until(ended.lease.forgo());
    await ended.world.run(5000);
    expect(ended.registry.calls).toEqual(['acquire']);
    const closed = stage();
    closed.registry.heldBy = 'rival';
    closed.lease.want();
    await closed.world.run(100);
    closed.lease.close();
    await closed.world.run(1);
    const { length } = closed.registry.calls;
    await closed.world.run(5000);
    expect(closed.registry.calls.length).toBe(length);
    await closed.world.until(closed.lease.forgo());
  });
});

import { describe, expect, it } from 'vitest';
import type { RegistryHandle } from '../../src/ports/registry.ts';
import { describeNode } from '../contract/registry-contract.ts';
import { RegistryWorld } from './registry-world.ts';

async function joined(world: RegistryWorld, node: string): Promise<RegistryHandle> {
  await world.up();
  return world.settle(world.client(node).join(describeNode(node)));
}

describe('the registry over a network', () => {
  it('fails a call that is cut off on its way back, though it was carried out (C1)', async () => {
    const world = new RegistryWorld();
    const a = await joined(world, 'a');
    const b = await joined(world, 'b');
    const cut = world.roads.cut(['registry'], ['a']);
    await expect(world.settle(a.acquire('x'))).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    cut.mend();
    expect(await world.settle(b.acquire('x'))).toMatchObject({ kind: 'held', byNode: 'a' });
  });

  it('answers a frozen process at its thaw, a killed one never (C2)', async () => {
    const world = new RegistryWorld();
    const handle = await joined(world, 'a');
    const process = world.processes.get('a');
    let answered = 0;
    process?.freeze();
    void handle.members().then(() => answered++);
    await world.advance(500);
    expect(answered).toBe(0);
    process?.thaw();
    await world.advance(10);
    expect(answered).toBe(1);
    void handle.members().then(() => answered++);
    process?.kill();
    await world.advance(5000);
    expect(answered).toBe(1);
  });

  it('ends the epochs of before when the registry starts again, and keeps what was stored (C3)', async () => {
    const world = new RegistryWorld();
    const before = await joined(world, 'a');
    await world.settle(before.transact([{ op: 'set', key: 'k', value: Uint8Array.of(1) }]));
    world.service.restart('power-loss', 100);
    await expect(world.settle(before.renew())).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    await world.up();
    await expect(world.settle(before.renew())).rejects.toMatchObject({ code: 'EPOCH_ENDED' });
    const after = await joined(world, 'a');
    expect(after.epoch).toBeGreaterThan(before.epoch);
    expect((await world.settle(after.get('k')))?.value).toEqual(Uint8Array.of(1));
    expect(world.applied).toHaveLength(1);
  });

  it('tells a watch the last state after a cut, and nothing in between out of order (C4)', async () => {
    const world = new RegistryWorld();
    const a = await joined(world, 'a');
    const b = await joined(world, 'b');
    const seen: number[] = [];
    a.watch('k', (pairs) => seen.push(pairs[0]?.value[0] ?? 0));
    await world.advance(10);
    world.sever('a');
    for (let i = 1; i <= 5; i++) {
      await world.settle(b.transact([{ op: 'set', key: 'k', value: Uint8Array.of(i) }]));
      await world.settle(b.renew());
    }
    expect(seen).toEqual([0]);
    world.mend('a');
    await world.advance(500);
    expect(seen.at(-1)).toBe(5);
    expect([...seen].sort((x, y) => x - y)).toEqual(seen);
  });

  it('starts again by itself when its journal has stopped', async () => {
    const world = new RegistryWorld();
    const a = await joined(world, 'a');
    world.disk.faults.failSync();
    const failed = await world.settle(
      a.transact([{ op: 'set', key: 'k', value: Uint8Array.of(1) }]).catch((error: unknown) => error),
    );
    expect(failed).toBeInstanceOf(Error);
    await world.advance(2000);
    await world.up();
    expect(world.service.starts).toBe(2);
    const again = await joined(world, 'a');
    await world.settle(again.transact([{ op: 'set', key: 'k', value: Uint8Array.of(2) }]));
    expect((await world.settle(again.get('k')))?.value).toEqual(Uint8Array.of(2));
  });

  it('hears of a release when it is asked for, not when it arrives', async () => {
    const world = new RegistryWorld();
    const a = await joined(world, 'a');
    const lease = await world.settle(a.acquire('x'));
    void a.release('x', lease.token);
    expect(world.released).toEqual([`a x ${lease.token}`]);
    await world.advance(100);
  });
});

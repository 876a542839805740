import { describe, expect, it } from 'vitest';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { maxCallDepth } from '../../../src/runtime/envelope.ts';
import { codeOf, type Puppet, puppet } from './puppet.ts';
import { World } from './world.ts';

type Ref = ActorRef<typeof Puppet>;

describe('call cycles', () => {
  it('A asks B asks A is refused at once with CALL_CYCLE', async () => {
    const world = new World();
    const a: Ref = world.system.spawn(puppet());
    const b: Ref = world.system.spawn(puppet());
    const answer = a.ask.call((inA) =>
      inA.to(b).ask.call((inB) => codeOf(inB.to(a).ask.call(() => 'never'))),
    );
    expect(await world.until(answer, 10)).toBe('CALL_CYCLE');
    expect(world.letters()).toEqual(['refused CALL_CYCLE call']);
  });

  it('an actor that asks itself is refused', async () => {
    const world = new World();
    const a: Ref = world.system.spawn(puppet());
    const answer = a.ask.call((context) => codeOf(context.to(a).ask.call(() => 'never')));
    expect(await world.until(answer, 10)).toBe('CALL_CYCLE');
  });

  it('a cycle over a third actor is found too', async () => {
    const world = new World();
    const [a, b, c] = [1, 2, 3].map(() => world.system.spawn(puppet())) as [Ref, Ref, Ref];
    const answer = a.ask.call((inA) =>
      inA.to(b).ask.call((inB) => inB.to(c).ask.call((inC) => codeOf(inC.to(a).ask.call(() => 'never')))),
    );
    expect(await world.until(answer, 10)).toBe('CALL_CYCLE');
  });

  it('a diamond is no cycle, nor is a tell back, nor an ask back after the reply', async () => {
    const world = new World();
    const [a, b, c, d] = [1, 2, 3, 4].map(() => world.system.spawn(puppet())) as [Ref, Ref, Ref, Ref];
    const log: string[] = [];
    const viaD = (ref: Ref) => ref.ask.call((context) => context.to(d).ask.call(() => 'd'));
    const answer = a.ask.call(async (context) => {
      const one = await context.to(b).ask.call((inB) => inB.to(d).ask.call(() => 'd'));
      const two = await context.to(c).ask.call((inC) => inC.to(d).ask.call(() => 'd'));
      await context.to(b).ask.call((inB) => void inB.to(a).tell.act(() => void log.push('told back')));
      return [one, two];
    });
    expect(await world.until(answer)).toEqual(['d', 'd']);
    expect(await world.until(viaD(a))).toBe('d');
    await world.run();
    expect(log).toEqual(['told back']);
  });

  it(`a chain deeper than ${maxCallDepth} is refused`, async () => {
    const world = new World();
    const refs = Array.from({ length: maxCallDepth + 4 }, () => world.system.spawn(puppet()));
    let reached = 0;
    const next = (depth: number): Promise<unknown> => {
      const ask = (context: Parameters<Parameters<Ref['ask']['call']>[0]>[0]): Promise<unknown> => {
        reached = Math.max(reached, depth);
        return codeOf(context.to(refs[depth + 1] as Ref).ask.call(asks[depth + 1] as typeof ask));
      };
      asks[depth] = ask;
      return depth + 2 < refs.length ? next(depth + 1) : Promise.resolve();
    };
    const asks: unknown[] = [];
    await next(0);
    const answer = refs[0]?.ask.call(asks[0] as () => Promise<unknown>);
    expect(await world.until(answer as Promise<unknown>)).toBe('resolved');
    expect(reached).toBe(maxCallDepth - 1);
    expect(world.letters()).toEqual(['refused CALL_CYCLE call']);
  });
});

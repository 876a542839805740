import { describe, expect, it } from 'vitest';
import { Ambushes } from '../../src/sim/ambush.ts';

describe('an ambush', () => {
  it('springs once, at the named moment of its disk', () => {
    const ambushes = new Ambushes();
    let sprung = 0;
    const ambush = ambushes.lay('a', 2, () => sprung++);
    ambushes.passed('a');
    ambushes.passed('b');
    expect(sprung).toBe(0);
    ambushes.passed('a');
    ambushes.passed('a');
    expect(sprung).toBe(1);
    expect(ambush.lift()).toBe(true);
  });

  it('does not spring once it is lifted', () => {
    const ambushes = new Ambushes();
    let sprung = 0;
    const ambush = ambushes.lay('a', 1, () => sprung++);
    ambushes.lay('a', 1, () => (sprung += 10));
    expect(ambush.lift()).toBe(false);
    ambushes.passed('a');
    expect(sprung).toBe(10);
  });
});

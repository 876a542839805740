import type { Contestant, Suite } from './suite.ts';

function contestant(name: 'loom' | 'floor', scenario: string): Contestant {
  return { name, program: `pipeline/${name}.mjs`, scenario };
}

export const pipeline: Suite = {
  name: 'pipeline',
  about: '1 GiB to three checked, power-safe copies',
  scenarios: [
    {
      name: 'store-1GiB',
      unit: 'MB/s',
      loom: contestant('loom', 'store'),
      comparisons: [{ peer: contestant('floor', 'store'), aim: { atLeast: 0.6 } }],
    },
    {
      name: 'resident-1GiB',
      unit: 'MiB',
      loom: contestant('loom', 'resident'),
      comparisons: [{ peer: { name: 'limit', limit: 600 }, aim: { atMost: 1 } }],
      roundsMax: 3,
    },
  ],
};

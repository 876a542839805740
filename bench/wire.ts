import type { Contestant, Scenario, Suite } from './suite.ts';

function contestant(name: 'loom' | 'json' | 'msgpack', scenario: string): Contestant {
  return { name, program: `wire/${name}.mjs`, scenario };
}

function scenario(name: string, unit: string): Scenario {
  return {
    name,
    unit,
    loom: contestant('loom', name),
    comparisons: [{ peer: contestant('json', name) }, { peer: contestant('msgpack', name) }],
  };
}

export const wire: Suite = {
  name: 'wire',
  about: 'the body of one envelope to bytes and back',
  scenarios: [
    { ...scenario('bytes', 'bytes'), roundsMax: 1 },
    scenario('encode', 'bodies/s'),
    scenario('decode', 'bodies/s'),
    scenario('encode-decode', 'bodies/s'),
  ],
};

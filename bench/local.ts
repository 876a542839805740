import type { Comparison, Contestant, Scenario, Suite } from './suite.ts';

const programs = {
  loom: 'local/loom.mjs',
  nact: 'local/nact.mjs',
  moleculer: 'local/moleculer.mjs',
  xstate: 'local/xstate.mjs',
};

function contestant(program: keyof typeof programs, scenario: string, name: string = program): Contestant {
  return { name, program: programs[program], scenario };
}

function against(
  scenario: string,
  peers: Partial<Record<'nact' | 'xstate', Comparison['aim']>>,
  more: readonly Comparison[] = [],
): Pick<Scenario, 'name' | 'loom' | 'comparisons'> {
  const actors = (['nact', 'xstate'] as const).map((name) => {
    const aim = peers[name];
    return { peer: contestant(name, scenario), ...(aim === undefined ? {} : { aim }) };
  });
  return { name: scenario, loom: contestant('loom', scenario), comparisons: [...actors, ...more] };
}

function moleculer(scenario: string): readonly Comparison[] {
  return [
    { peer: contestant('moleculer', scenario, 'moleculer, bare'), aim: { atLeast: 0.5 } },
    {
      peer: contestant('moleculer', `${scenario}-timeout`, 'moleculer, requestTimeout'),
      aim: { atLeast: 1 },
    },
  ];
}

export const local: Suite = {
  name: 'local',
  about: 'messages, replies and actors within one process',
  scenarios: [
    { ...against('tell', { nact: { atLeast: 20 } }), unit: 'messages/s' },
    {
      ...against('ask-sequential', { nact: { atLeast: 5 } }, moleculer('ask-sequential')),
      unit: 'replies/s',
    },
    {
      ...against('ask-100-in-flight', { nact: { atLeast: 7 } }, moleculer('ask-100-in-flight')),
      unit: 'replies/s',
    },
    { ...against('spawn', { nact: { atLeast: 1 } }), unit: 'actors/s' },
    { ...against('spawn-and-handle', { nact: { atLeast: 1 } }), unit: 'actors/s' },
    millionActors('million-actors'),
    millionActors('million-actors-async'),
  ],
};

function millionActors(name: string): Scenario {
  return {
    name,
    unit: 'MiB',
    loom: contestant('loom', name),
    comparisons: [
      { peer: { name: 'limit', limit: 1024 }, aim: { atMost: 1 } },
      { peer: contestant('nact', name), aim: { atMost: 1 } },
    ],
    roundsMax: 3,
  };
}

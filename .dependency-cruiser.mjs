// The walls between the rooms. A room imports rooms to its left only; rooms in braces are strangers:
// ports < placement < runtime < actors
//   < { transport registry adapters inference observability admin chaos } < { node sim } < cli
// Every rule has a bad fixture in test/architecture/walls.test.ts that proves that it refuses.

const pure = ['ports', 'placement', 'runtime', 'actors'];
const edge = ['transport', 'registry', 'adapters', 'inference', 'observability', 'admin', 'chaos'];
const whole = ['node', 'sim'];
/** Inner to outer: rooms in one row are strangers to each other. */
const rows = [...pure.map((room) => [room]), edge, whole, ['cli']];
const rooms = rows.flat();

const inRoom = (...names) => `^src/(${names.join('|')})/`;

/** For each room: every room that it may not import, which is its own row without itself and all rows outside. */
const directionRules = rows.flatMap((row, depth) =>
  row.flatMap((room) => {
    const forbidden = rows
      .slice(depth)
      .flat()
      .filter((other) => other !== room);
    if (forbidden.length === 0) return [];
    const allowed = rows.slice(0, depth).flat();
    return [
      {
        name: `room-${room}`,
        comment: `src/${room} may import ${allowed.length > 0 ? allowed.join(', ') : 'no other room'}.`,
        severity: 'error',
        from: { path: inRoom(room) },
        to: { path: inRoom(...forbidden) },
      },
    ];
  }),
);

const npmPackage = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown'];

export default {
  forbidden: [
    ...directionRules,
    {
      name: 'room-is-known',
      comment: 'A file of src lies in a room that this file orders, or is src/index.ts.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/index\\.ts$', inRoom(...rooms, 'config', 'gen')] },
      to: {},
    },
    {
      name: 'room-is-known-as-target',
      comment: 'Nothing imports a file of src that lies in no known room.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: ['^src/index\\.ts$', inRoom(...rooms, 'config', 'gen')] },
    },
    {
      name: 'config-imports-ports-only',
      comment: 'src/config imports src/ports at most, and zod.',
      severity: 'error',
      from: { path: inRoom('config') },
      to: { path: '^src/', pathNot: inRoom('config', 'ports') },
    },
    {
      name: 'config-packages',
      comment: 'The only package of src/config is zod.',
      severity: 'error',
      from: { path: inRoom('config') },
      to: { dependencyTypes: npmPackage, pathNot: '(^|/)node_modules/zod/' },
    },
    {
      name: 'config-for-node-and-cli',
      comment: 'src/config is read by src/node and src/cli alone (and src/index.ts, which shows it).',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/index\\.ts$', inRoom('config', 'node', 'cli')] },
      to: { path: inRoom('config') },
    },
    {
      name: 'gen-for-transport-and-admin',
      comment: 'Generated code is imported by src/transport and src/admin alone (and src/index.ts).',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/index\\.ts$', inRoom('gen', 'transport', 'admin')] },
      to: { path: inRoom('gen') },
    },
    {
      name: 'gen-imports-no-room',
      comment: 'Generated code imports no room.',
      severity: 'error',
      from: { path: inRoom('gen') },
      to: { path: '^src/', pathNot: inRoom('gen') },
    },
    {
      name: 'index-not-cli',
      comment: 'The public door does not open to the command line.',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: inRoom('cli') },
    },
    {
      name: 'index-is-not-imported',
      comment: 'Rooms import each other by file; the public door is for users.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/index\\.ts$' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'simulation-for-sim-only',
      comment: 'src/runtime/simulation is imported by src/sim, by tests and by itself.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/runtime/simulation/', inRoom('sim')] },
      to: { path: '^src/runtime/simulation/' },
    },
    {
      name: 'pure-no-builtin',
      comment:
        'ports, placement, runtime and actors reach the world through ports, never through node: modules.',
      severity: 'error',
      from: { path: inRoom(...pure) },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-no-package',
      comment: 'ports, placement, runtime and actors import no package; zod is for messages.ts.',
      severity: 'error',
      from: { path: inRoom(...pure), pathNot: '/messages\\.ts$' },
      to: { dependencyTypes: npmPackage },
    },
    {
      name: 'pure-messages-zod-only',
      comment: 'A messages.ts of a pure room imports no package but zod.',
      severity: 'error',
      from: { path: `${inRoom(...pure)}.*messages\\.ts$` },
      to: { dependencyTypes: npmPackage, pathNot: '(^|/)node_modules/zod/' },
    },
    {
      name: 'src-imports-src',
      comment: 'Shipped code imports nothing from test, bench, scripts or dist.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|dist)/' },
    },
    {
      name: 'no-dev-dependency',
      comment: 'Shipped code imports what package.json lists under dependencies, not under devDependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycle',
      comment: 'No cycles between files, not even of types.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'Every import resolves.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
    cache: false,
  },
};

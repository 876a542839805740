/**
 * Proves that each rule of .dependency-cruiser.mjs refuses what it should and nothing else: a project of
 * deliberately bad files is written to a temporary folder, cruised once with the real rules, and the set of
 * refusals must equal the expected one.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Written out, so that it does not share a mistake with the rules: what each room may import besides itself. */
const pure = ['ports', 'placement', 'runtime', 'actors'];
const mayImport: Record<string, readonly string[]> = {
  ports: [],
  placement: ['ports'],
  runtime: ['ports', 'placement'],
  actors: ['ports', 'placement', 'runtime'],
  transport: [...pure, 'gen'],
  registry: pure,
  adapters: pure,
  inference: pure,
  observability: pure,
  admin: [...pure, 'gen'],
  chaos: pure,
  node: [
    ...pure,
    ...['transport', 'registry', 'adapters', 'inference', 'observability', 'admin', 'chaos', 'config'],
  ],
  sim: [...pure, 'transport', 'registry', 'adapters', 'inference', 'observability', 'admin', 'chaos'],
  cli: [
    ...pure,
    ...['transport', 'registry', 'adapters', 'inference', 'observability', 'admin', 'chaos'],
    ...['node', 'sim', 'config'],
  ],
  config: ['ports'],
  gen: [],
};
const rooms = Object.keys(mayImport);

interface Example {
  readonly title: string;
  readonly files: Record<string, string>;
  /** The refusals: `rule: file that imports`. */
  readonly refused: readonly string[];
}

/** One room that imports every other room, in a file for each. */
function roomExample(from: string): Example {
  const files: Record<string, string> = {};
  const refused: string[] = [];
  for (const to of rooms.filter((room) => room !== from)) {
    const file = `src/${from}/takes-${to}.ts`;
    files[file] = `import { ${to}Noun } from '../${to}/noun.ts';\nexport const taken = ${to}Noun;\n`;
    if (mayImport[from]?.includes(to)) continue;
    if (from === 'config') refused.push(`config-imports-ports-only: ${file}`);
    else if (from === 'gen') refused.push(`gen-imports-no-room: ${file}`);
    else if (to !== 'config' && to !== 'gen') refused.push(`room-${from}: ${file}`);
    if (to === 'config') refused.push(`config-for-node-and-cli: ${file}`);
    if (to === 'gen') refused.push(`gen-for-transport-and-admin: ${file}`);
  }
  return { title: `${from} may import ${mayImport[from]?.join(', ') || 'no other room'}`, files, refused };
}

function fileExample(title: string, file: string, source: string, ...rules: string[]): Example {
  return { title, files: { [file]: source }, refused: rules.map((rule) => `${rule}: ${file}`) };
}

const usesZod = `import { z } from 'zod';\nexport const schema = z;\n`;
const usesVendor = `import { v } from 'vendor';\nexport const vendor = v;\n`;
const usesDisk = `import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n`;
const usesTimers = `import { setTimeout } from 'timers/promises';\nexport const wait = setTimeout;\n`;
const usesDiskTypes = `import type { Stats } from 'node:fs';\nexport type Size = Stats['size'];\n`;
const usesTool = `import { t } from 'tool';\nexport const tool = t;\n`;
const usesSimulation = `import { scheduler } from '../runtime/simulation/scheduler.ts';\nexport const s = scheduler;\n`;

const examples: readonly Example[] = [
  ...rooms.map(roomExample),
  ...pure.flatMap((room) => [
    fileExample(`${room} may not import a builtin`, `src/${room}/a.ts`, usesDisk, 'pure-no-builtin'),
    fileExample(
      `${room} may not import a builtin without node:`,
      `src/${room}/b.ts`,
      usesTimers,
      'pure-no-builtin',
    ),
    fileExample(
      `${room} may not import types of a builtin`,
      `src/${room}/c.ts`,
      usesDiskTypes,
      'pure-no-builtin',
    ),
    fileExample(`${room} may not import a package`, `src/${room}/d.ts`, usesVendor, 'pure-no-package'),
    fileExample(
      `${room} may not import zod outside messages.ts`,
      `src/${room}/e.ts`,
      usesZod,
      'pure-no-package',
    ),
    fileExample(
      `${room} may not import zod in a file whose name ends alike`,
      `src/${room}/x-messages.ts`,
      usesZod,
      'pure-no-package',
    ),
    fileExample(`${room} may import zod in messages.ts`, `src/${room}/f/messages.ts`, usesZod),
    fileExample(
      `${room} may not import another package in messages.ts`,
      `src/${room}/g/messages.ts`,
      usesVendor,
      'pure-messages-zod-only',
    ),
    fileExample(
      `${room} may not import a builtin in messages.ts`,
      `src/${room}/h/messages.ts`,
      usesDisk,
      'pure-no-builtin',
    ),
  ]),
  fileExample('adapters may import packages', 'src/adapters/vendor/vendor.ts', usesVendor),
  fileExample('adapters may import builtins', 'src/adapters/vendor/disk.ts', usesDisk),
  fileExample('config may import zod', 'src/config/schema.ts', usesZod),
  fileExample('config may not import another package', 'src/config/load.ts', usesVendor, 'config-packages'),
  fileExample('sim may import the simulation', 'src/sim/takes-simulation.ts', usesSimulation),
  ...['actors', 'node', 'chaos', 'cli'].map((room) =>
    fileExample(
      `${room} may not import the simulation`,
      `src/${room}/takes-simulation.ts`,
      usesSimulation,
      'simulation-for-sim-only',
    ),
  ),
  fileExample(
    'the engine may not import its simulation',
    'src/runtime/takes-simulation.ts',
    `import { scheduler } from './simulation/scheduler.ts';\nexport const s = scheduler;\n`,
    'simulation-for-sim-only',
  ),
  fileExample(
    'the simulation may import itself and the engine',
    'src/runtime/simulation/network.ts',
    `import { scheduler } from './scheduler.ts';\nimport { runtimeNoun } from '../noun.ts';\nexport const n = [scheduler, runtimeNoun];\n`,
  ),
  {
    title: 'the public door opens to every room but the command line',
    files: {
      'src/index.ts': rooms.map((room) => `export { ${room}Noun } from './${room}/noun.ts';\n`).join(''),
    },
    refused: ['index-not-cli: src/index.ts'],
  },
  fileExample(
    'rooms do not import the public door',
    'src/chaos/takes-index.ts',
    `export type { chaosNoun } from '../index.ts';\n`,
    'index-is-not-imported',
  ),
  {
    title: 'an unknown room is refused, as importer and as target',
    files: {
      'src/utils/dump.ts': `import { portsNoun } from '../ports/noun.ts';\nexport const d = portsNoun;\n`,
      'src/node/takes-dump.ts': `import { d } from '../utils/dump.ts';\nexport const e = d;\n`,
    },
    refused: ['room-is-known: src/utils/dump.ts', 'room-is-known-as-target: src/node/takes-dump.ts'],
  },
  {
    title: 'shipped code does not import tests',
    files: {
      'test/fake.ts': 'export const fake = 1;\n',
      'src/node/takes-test.ts': `import { fake } from '../../test/fake.ts';\nexport const f = fake;\n`,
    },
    refused: ['src-imports-src: src/node/takes-test.ts'],
  },
  fileExample('shipped code uses no dev tool', 'src/node/takes-tool.ts', usesTool, 'no-dev-dependency'),
  {
    // A cycle is reported once, at its first file.
    title: 'no cycle of values',
    files: {
      'src/node/egg.ts': `import { hen } from './hen.ts';\nexport const egg = (): unknown => hen;\n`,
      'src/node/hen.ts': `import { egg } from './egg.ts';\nexport const hen = (): unknown => egg;\n`,
    },
    refused: ['no-cycle: src/node/egg.ts'],
  },
  {
    title: 'no cycle of types',
    files: {
      'src/node/key.ts': `import type { Lock } from './lock.ts';\nexport interface Key { lock: Lock }\n`,
      'src/node/lock.ts': `import type { Key } from './key.ts';\nexport interface Lock { key: Key }\n`,
    },
    refused: ['no-cycle: src/node/key.ts'],
  },
  fileExample(
    'every import resolves',
    'src/node/takes-nothing.ts',
    `import { n } from './nothing.ts';\nexport const m = n;\n`,
    'no-unresolvable',
  ),
];

const shared: Record<string, string> = {
  'package.json': JSON.stringify({
    type: 'module',
    dependencies: { vendor: '1.0.0', zod: '1.0.0' },
    devDependencies: { tool: '1.0.0' },
  }),
  'src/runtime/simulation/scheduler.ts': 'export const scheduler = 1;\n',
  ...Object.fromEntries(rooms.map((room) => [`src/${room}/noun.ts`, `export const ${room}Noun = 1;\n`])),
  ...Object.fromEntries(
    Object.entries({ tool: 't', vendor: 'v', zod: 'z' }).flatMap(([name, value]) => [
      [
        `node_modules/${name}/package.json`,
        JSON.stringify({ name, version: '1.0.0', type: 'module', exports: './index.js' }),
      ],
      [`node_modules/${name}/index.js`, `export const ${value} = 1;\n`],
    ]),
  ),
};

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

let folder: string;
let found: readonly string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loom-walls-'));
  const files = Object.assign({}, shared, ...examples.map((example) => example.files)) as Record<
    string,
    string
  >;
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  await copyFile(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'));
  const cruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(root, '.dependency-cruiser.mjs');
  const args = [cruise, 'src', '--config', config, '--output-type', 'json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 26 });
  const { summary } = JSON.parse(stdout) as { summary: { violations: readonly Violation[] } };
  found = [...new Set(summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`))];
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the walls between the rooms', () => {
  test.each(examples)('$title', ({ files, refused }) => {
    const here = found.filter((line) => Object.keys(files).some((file) => line.endsWith(`: ${file}`)));
    expect([...here].sort()).toEqual([...refused].sort());
  });

  test('every rule is proven by an example, and nothing else is refused', async () => {
    const { default: config } = (await import(join(root, '.dependency-cruiser.mjs'))) as {
      default: { forbidden: readonly { name: string; severity: string }[] };
    };
    const proven = new Set(examples.flatMap(({ refused }) => refused.map((line) => line.split(':')[0])));
    expect(config.forbidden.map(({ name }) => name).filter((name) => !proven.has(name))).toEqual([]);
    expect(config.forbidden.every(({ severity }) => severity === 'error')).toBe(true);
    expect([...found].sort()).toEqual(examples.flatMap(({ refused }) => refused).sort());
  });
});

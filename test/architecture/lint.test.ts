/** Proves with ESLint itself that each ban of eslint.config.js bites, and that it bites only where it should. */
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pureRooms = ['ports', 'placement', 'runtime', 'actors'];

/** One statement a line: the linter must refuse each, in every pure room. */
const bannedInPureRooms: Record<string, readonly string[]> = {
  'no-restricted-globals': [
    'Date.now();',
    'new Date();',
    'performance.now();',
    'setTimeout(() => {}, 1);',
    'setInterval(() => {}, 1);',
    'setImmediate(() => {});',
    'clearTimeout(undefined);',
    'clearInterval(undefined);',
    'clearImmediate(undefined);',
    'queueMicrotask(() => {});',
    'process.nextTick(() => {});',
    'process.hrtime.bigint();',
    'crypto.randomUUID();',
    'crypto.getRandomValues(new Uint8Array(1));',
    'new WeakRef({});',
    'new FinalizationRegistry(() => {});',
    'new AsyncLocalStorage();',
    "console.log('x');",
    "fetch('http://localhost').catch(() => {});",
    'Buffer.alloc(1);',
    'globalThis.setTimeout(() => {}, 1);',
    'global.setTimeout(() => {}, 1);',
    'new MessageChannel();',
    "new BroadcastChannel('x');",
    "new WebSocket('ws://localhost');",
    'navigator.hardwareConcurrency;',
    "require('fs');",
    "eval('1');",
  ],
  'no-restricted-properties': [
    'Math.random();',
    "Math['random']();",
    'const { random } = Math;',
    'AbortSignal.timeout(1);',
    'new Intl.DateTimeFormat().format();',
    'Atomics.wait(new Int32Array(1), 0, 0, 1);',
    'Atomics.waitAsync(new Int32Array(1), 0, 0, 1);',
  ],
  'no-restricted-syntax': ["import('./noun.ts').catch(() => {});", 'import.meta.url;'],
};

const bannedEverywhere: Record<string, readonly string[]> = {
  'await-thenable': ['export async function f(): Promise<void> { await 1; }'],
  'no-explicit-any': ['export const value: any = 1;'],
  'no-floating-promises': ['Promise.resolve();', 'Promise.resolve().then(() => 1);'],
  'no-misused-promises': ['if (Promise.resolve(true)) { }', '[1].forEach(async () => {});'],
  'only-throw-error': ["export function g(): void { throw 'text'; }"],
  'switch-exhaustiveness-check': [
    "export function h(v: 'a' | 'b'): number { switch (v) { case 'a': return 1; } return 2; }",
  ],
};

const fine = [
  'export const small = Math.max(1, 2);',
  'export const controller = new AbortController();',
  'export const either = AbortSignal.any([controller.signal]);',
  'export const view = new DataView(new ArrayBuffer(8));',
  'export const text = new TextEncoder().encode(String(structuredClone(1)));',
  'void Promise.resolve();',
  'export function own(setTimeout: () => void, clock: { now(): number }): number { setTimeout(); return clock.now(); }',
  "export function k(v: 'a' | 'b'): number { switch (v) { case 'a': return 1; case 'b': return 2; } }",
];

/** Lints one line per entry as a file that need not exist; answers the rules refused on each line. */
let lint: (path: string, lines: readonly string[]) => Promise<string[][]>;

beforeAll(() => {
  const eslint = new ESLint({
    cwd: root,
    overrideConfig: {
      languageOptions: {
        parserOptions: {
          projectService: { allowDefaultProject: ['src/*/not-there.ts', 'test/not-there.ts'] },
        },
      },
    },
  });
  lint = async (path, lines) => {
    const [result] = await eslint.lintText(`${lines.join('\n')}\n`, { filePath: `${root}${path}` });
    const refused: string[][] = lines.map(() => []);
    for (const { line, ruleId, message, fatal } of result?.messages ?? []) {
      if (fatal === true || ruleId === null) throw new Error(`${path}:${line}: ${message}`);
      const short = ruleId.replace('@typescript-eslint/', '');
      if (!refused[line - 1]?.includes(short)) refused[line - 1]?.push(short);
    }
    return refused;
  };
});

function flatten(table: Record<string, readonly string[]>): { rule: string; source: string }[] {
  return Object.entries(table).flatMap(([rule, sources]) => sources.map((source) => ({ rule, source })));
}

describe('the bans in the pure rooms', () => {
  const cases = flatten(bannedInPureRooms);
  const sources = cases.map(({ source }) => source);

  test.each(pureRooms)('each bites in %s', async (room) => {
    const refused = await lint(`src/${room}/not-there.ts`, sources);
    expect(sources.map((source, at) => [source, refused[at]])).toEqual(
      cases.map(({ rule, source }) => [source, [rule]]),
    );
  });

  test.each(['src/node', 'src/adapters', 'test'])('none bites in %s', async (folder) => {
    expect((await lint(`${folder}/not-there.ts`, sources)).flat()).toEqual([]);
  });

  test('every banned name has a line that proves it', async () => {
    const config = (await new ESLint({ cwd: root }).calculateConfigForFile(`${root}src/runtime/x.ts`)) as {
      rules: Record<string, readonly unknown[]>;
    };
    const globals = (config.rules['no-restricted-globals'] ?? []).slice(1) as { name: string }[];
    const properties = (config.rules['no-restricted-properties'] ?? []).slice(1) as { property: string }[];
    const names = [...globals.map(({ name }) => name), ...properties.map(({ property }) => property)];
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !sources.some((source) => source.includes(name)))).toEqual([]);
  });
});

describe('the typed rules', () => {
  const cases = flatten(bannedEverywhere);
  const sources = cases.map(({ source }) => source);

  test.each(['src/runtime', 'src/node', 'test'])('each bites in %s', async (folder) => {
    const refused = await lint(`${folder}/not-there.ts`, sources);
    expect(sources.map((source, at) => [source, refused[at]])).toEqual(
      cases.map(({ rule, source }) => [source, [rule]]),
    );
  });
});

test('plain code passes in a pure room', async () => {
  const refused = await lint('src/runtime/not-there.ts', fine);
  expect(fine.map((source, at) => [source, refused[at]])).toEqual(fine.map((source) => [source, []]));
});

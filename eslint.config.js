// Typed lint: only what Biome cannot see. The four pure rooms are kept from clocks, timers, chance and the
// process, which they reach through ports; test/architecture/lint.test.ts proves that each ban bites.
import tseslint from 'typescript-eslint';

const pureRooms = ['src/ports/**/*.ts', 'src/placement/**/*.ts', 'src/runtime/**/*.ts', 'src/actors/**/*.ts'];

const clock = 'Take time from the clock port.';
const timer = 'Take timers from the clock port.';
const chance = 'Take chance from the random port.';
const world = 'Pure rooms reach the world through ports.';
const collector = 'What the garbage collector does must not decide what the engine does.';

/** @type {Record<string, string>} */
const bannedGlobals = {
  AsyncLocalStorage: world,
  BroadcastChannel: world,
  Buffer: 'Use Uint8Array and DataView.',
  console: 'Emit a fact.',
  clearImmediate: timer,
  clearInterval: timer,
  clearTimeout: timer,
  crypto: chance,
  Date: clock,
  eval: world,
  fetch: world,
  FinalizationRegistry: collector,
  global: world,
  globalThis: world,
  MessageChannel: world,
  navigator: world,
  performance: clock,
  process: world,
  queueMicrotask: timer,
  require: world,
  setImmediate: timer,
  setInterval: timer,
  setTimeout: timer,
  WeakRef: collector,
  WebSocket: world,
};

export default tseslint.config(
  { ignores: ['dist/**', 'coverage/**', 'src/gen/**', '.cache/**'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
    },
  },
  {
    files: pureRooms,
    rules: {
      'no-restricted-globals': [
        'error',
        ...Object.entries(bannedGlobals).map(([name, message]) => ({ name, message })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: chance },
        { object: 'AbortSignal', property: 'timeout', message: timer },
        { object: 'Intl', property: 'DateTimeFormat', message: clock },
        { object: 'Atomics', property: 'wait', message: timer },
        { object: 'Atomics', property: 'waitAsync', message: timer },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ImportExpression', message: 'Pure rooms have no dynamic import.' },
        { selector: "MetaProperty[meta.name='import']", message: 'Pure rooms do not know where they lie.' },
      ],
    },
  },
);

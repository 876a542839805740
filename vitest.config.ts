import { defineConfig } from 'vitest/config';

/** Folders of test/ with a project of their own; everything else in test/ is a unit test. */
const folders = ['contract', 'scenario', 'architecture', 'cluster'];
const clusterTimeoutMs = 60_000;

export default defineConfig({
  test: {
    pool: 'threads',
    testTimeout: 10_000,
    hookTimeout: 10_000,
    passWithNoTests: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/gen/**'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: { lines: 85 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: folders.map((folder) => `test/${folder}/**`),
        },
      },
      { extends: true, test: { name: 'contract', include: ['test/contract/**/*.test.ts'] } },
      { extends: true, test: { name: 'scenario', include: ['test/scenario/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'architecture', include: ['test/architecture/**/*.test.ts'], testTimeout: 30_000 },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: clusterTimeoutMs,
          hookTimeout: clusterTimeoutMs,
        },
      },
    ],
  },
});

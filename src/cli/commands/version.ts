import { arch, platform } from 'node:os';
import type { Command } from '../command.ts';
import { packageVersion } from '../release.ts';

/** `loom version`: this Loom and what it runs on. */
export const version: Command = {
  name: 'version',
  summary: 'Show the version of Loom and of what it runs on',
  examples: [{ line: 'loom version -o json', does: 'for a bug report or a script' }],
  arguments: [],
  options: [],
  settings: [],
  run: async ({ output }) => {
    const facts = { loom: packageVersion(), node: process.versions.node, platform: platform(), arch: arch() };
    output.result(facts, () => `loom ${facts.loom} (node ${facts.node}, ${facts.platform} ${facts.arch})\n`);
    return undefined;
  },
};

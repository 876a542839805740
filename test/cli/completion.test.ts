import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { commandTable } from '../../src/cli/commands/table.ts';
import { globalOptions } from '../../src/cli/global-options.ts';
import { settingTable } from '../../src/config/setting-table.ts';
import { record } from './recorded-io.ts';

const run = promisify(execFile);

describe('the script of bash', () => {
  async function completions(...words: string[]): Promise<readonly string[]> {
    const { stdout: script } = await record(['completion', 'bash']);
    const ask = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _loom; printf "%s\\n" "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['--norc', '-c', `${script}\n${ask}`, 'bash', ...words]);
    return stdout.trim().split('\n');
  }

  test('offers commands, then their own words, then choices', async () => {
    expect(await completions('loom', 'comp')).toEqual(['completion']);
    expect(await completions('loom', 'config', '')).toEqual(['explain']);
    expect(await completions('loom', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await completions('loom', 'explain', 'FOLDER_H')).toEqual(['FOLDER_HELD']);
    expect(await completions('loom', 'config', 'explain', '--chunk')).toEqual(['--chunk-size']);
    expect(await completions('loom', 'config', 'explain', '--durability', 'p')).toEqual([
      'power-safe',
      'process-crash-safe',
    ]);
    expect(await completions('loom', '-o', '')).toEqual(['table', 'json']);
  });

  test('leaves paths to the shell', async () => {
    expect(await completions('loom', 'config', 'explain', '--data-dir', '')).toEqual(['']);
  });
});

test.each(['bash', 'zsh', 'fish'])(
  'the script of %s names every command, option and choice',
  async (shell) => {
    const { exitCode, stdout } = await record(['completion', shell]);
    expect(exitCode).toBe(0);
    for (const command of commandTable) {
      expect(stdout).toContain(command.name);
      const settings = command.settings.map((name) => settingTable[name]);
      for (const { flag, choices } of [...command.options, ...globalOptions, ...settings]) {
        expect(stdout).toContain(shell === 'fish' ? `-l ${flag}` : `--${flag}`);
        for (const choice of choices ?? []) expect(stdout).toContain(choice);
      }
    }
  },
);

test('another shell is refused', async () => {
  const { exitCode, stderr } = await record(['completion', 'fihs']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('did you mean fish?');
});

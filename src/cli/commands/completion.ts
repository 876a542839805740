import type { Command } from '../command.ts';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { completionPlaces, type Place } from '../completion/tree.ts';
import { zshCompletion } from '../completion/zsh.ts';

const shells: Readonly<Record<string, (places: readonly Place[]) => string>> = Object.freeze({
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
});

/** `loom completion SHELL`: a script made from the command table. */
export const completion: Command = {
  name: 'completion',
  summary: 'Write the completion script of a shell',
  examples: [
    { line: 'source <(loom completion bash)', does: 'in this bash; in ~/.bashrc for every one' },
    { line: 'loom completion zsh > ~/.zfunc/_loom', does: 'zsh, when ~/.zfunc is in $fpath' },
    { line: 'loom completion fish | source', does: 'in this fish' },
  ],
  arguments: [
    { name: 'shell', summary: 'the shell', required: true, choices: Object.keys(shells), strict: true },
  ],
  options: [],
  settings: [],
  run: async (call) => {
    const shell = call.argument('shell');
    const script = shells[shell]?.(completionPlaces(call.commands)) ?? '';
    call.output.result({ shell, script }, () => script);
    return undefined;
  },
};

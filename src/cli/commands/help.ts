import { nearMiss } from '../../config/near-miss.ts';
import { quote } from '../../config/quote.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Command } from '../command.ts';
import { commandHelp, groupHelp } from '../help-page.ts';

/** `loom help [command]`: the same page as `--help`. */
export const help: Command = {
  name: 'help',
  summary: 'Show how a command is used',
  examples: [{ line: 'loom help config explain', does: 'the page of one command' }],
  arguments: [
    { name: 'command', summary: 'the command; all of them without one', required: false, variadic: true },
  ],
  options: [],
  settings: [],
  run: async ({ io, commands, variadicArgument }) => {
    const name = variadicArgument('command').join(' ');
    const command = commands.find((one) => one.name === name);
    if (command !== undefined) {
      io.stdout.write(commandHelp(command, io.columns));
      return undefined;
    }
    if (name !== '' && !commands.some((one) => one.name.startsWith(`${name} `))) {
      const meant = nearMiss(name, namesAndGroups(commands));
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      throw new LoomError('UNKNOWN_COMMAND', `${quote(name)} is no command of \`loom\`${hint}`, {
        details: { word: name },
      });
    }
    io.stdout.write(groupHelp(name, commands, io.columns));
    return undefined;
  },
};

/** `config explain`, and `config` too. */
function namesAndGroups(commands: readonly Command[]): readonly string[] {
  return commands.flatMap(({ name }) =>
    name.split(' ').map((_, index, words) => words.slice(0, index + 1).join(' ')),
  );
}

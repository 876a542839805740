import type { OptionSpec } from '../command.ts';
import { type Place, single } from './tree.ts';

/** The completion script of fish: `loom completion fish | source`. */
export function fishCompletion(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => single(path));
  return `# fish completion of loom
function __loom_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$at $word")
        contains -- "$next" ${paths.join(' ')}; and set at $next
    end
    test "$at" = "$argv[1]"
end
complete -c loom -f
${places.flatMap(placeLines).join('\n')}
`;
}

function placeLines(place: Place): readonly string[] {
  const start = `complete -c loom -n ${single(`__loom_at "${place.path}"`)}`;
  return [
    ...place.commands.map(({ word, summary }) => `${start} -a ${single(word)} -d ${single(summary)}`),
    ...place.arguments.flatMap(({ choices, path }) => {
      if (choices !== undefined) return [`${start} -a ${single(choices.join(' '))}`];
      return path === true ? [`${start} -F`] : [];
    }),
    ...place.options.map((option) => `${start} ${optionWords(option)}`),
  ];
}

function optionWords({ flag, short, placeholder, choices, path, summary }: OptionSpec): string {
  return [
    ...(short === undefined ? [] : [`-s ${short}`]),
    `-l ${flag}`,
    ...(placeholder === undefined
      ? []
      : [choices === undefined ? '-r' : `-x -a ${single(choices.join(' '))}`]),
    ...(path === true ? ['-F'] : []),
    `-d ${single(summary)}`,
  ].join(' ');
}

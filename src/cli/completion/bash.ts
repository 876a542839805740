import { optionNames, type Place, single } from './tree.ts';

/** The completion script of bash: load it with `source <(loom completion bash)`. */
export function bashCompletion(places: readonly Place[]): string {
  const steps = places
    .filter(({ path }) => path !== '')
    .map(({ path }) => `${single(path)}) path="$next" ;;`);
  return `# bash completion of loom
_loom() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD - 1]}" path='' next word words='' flags=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    case "$next" in
      ${steps.join('\n      ')}
    esac
  done
  case "$path:$prev" in
    ${places.flatMap(valueCases).join('\n    ')}
  esac
  case "$path" in
    ${places.map(wordCase).join('\n    ')}
  esac
  [[ $cur == -* ]] && words="$flags"
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _loom loom
`;
}

/** After an option that takes a value: its choices, or paths (nothing, for which bash falls back to them). */
function valueCases({ path, options }: Place): readonly string[] {
  return options.flatMap((option) => {
    if (option.placeholder === undefined) return [];
    const patterns = optionNames(option)
      .map((name) => single(`${path}:${name}`))
      .join('|');
    const words = single((option.choices ?? []).join(' '));
    return [`${patterns}) COMPREPLY=($(compgen -W ${words} -- "$cur")); return ;;`];
  });
}

function wordCase(place: Place): string {
  const words = [
    ...place.commands.map(({ word }) => word),
    ...place.arguments.flatMap(({ choices }) => choices ?? []),
  ];
  const flags = place.options.map(({ flag }) => `--${flag}`);
  return `${single(place.path)}) words=${single(words.join(' '))} flags=${single(flags.join(' '))} ;;`;
}

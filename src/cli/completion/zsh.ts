import type { ArgumentSpec, OptionSpec } from '../command.ts';
import { optionNames, type Place, single } from './tree.ts';

/** The completion script of zsh: a file `_loom` in a folder of `$fpath`, or `source <(loom completion zsh)`. */
export function zshCompletion(places: readonly Place[]): string {
  const steps = places
    .filter(({ path }) => path !== '')
    .map(({ path }) => `${single(path)}) at="$next"; depth=$i ;;`);
  return `#compdef loom
# zsh completion of loom
_loom() {
  local at='' next i depth=1
  for ((i = 2; i < CURRENT; i++)); do
    next="\${at:+$at }\${words[i]}"
    case "$next" in
      ${steps.join('\n      ')}
    esac
  done
  # What is left of the line is the command and its own words.
  words=("\${words[@]:$((depth - 1))}")
  ((CURRENT -= depth - 1))
  case "$at" in
    ${places.map(placeCase).join('\n    ')}
  esac
}
if [ "$funcstack[1]" = "_loom" ]; then _loom "$@"; else compdef _loom loom; fi
`;
}

function placeCase(place: Place): string {
  const offers = place.commands.map(({ word, summary }) => single(`${word}:${colons(summary)}`));
  const describe =
    offers.length === 0 ? [] : [`local -a offers=(${offers.join(' ')})`, `_describe command offers`];
  const specs = [...place.options.flatMap(optionSpecs), ...place.arguments.map(argumentSpec)];
  return `${single(place.path)}) ${[...describe, `_arguments ${specs.join(' ')}`].join('; ')} ;;`;
}

function optionSpecs(option: OptionSpec): readonly string[] {
  return optionNames(option).map((name) => {
    const value = option.placeholder === undefined ? '' : `:${option.flag}:${action(option)}`;
    return single(`${name}[${brackets(option.summary)}]${value}`);
  });
}

function argumentSpec(argument: ArgumentSpec): string {
  const place = argument.variadic === true ? '*' : argument.required ? '' : ':';
  return single(`${place}:${argument.name}:${action(argument)}`);
}

function action({
  choices,
  path,
}: {
  readonly choices?: readonly string[];
  readonly path?: boolean;
}): string {
  if (choices !== undefined) return `(${choices.join(' ')})`;
  return path === true ? '_files' : ' ';
}

function colons(text: string): string {
  return text.replaceAll(':', '\\:');
}

function brackets(text: string): string {
  return text.replaceAll(/[[\]\\:]/g, '\\$&');
}

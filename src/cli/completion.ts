import { commands } from './help.ts';
import type { Invocation } from './invocation.ts';
import { writeText } from './output.ts';
import type { Terminal } from './terminal.ts';
import { type Description, type Flag, flagsOf } from './verb.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;

/** `pokewire completion SHELL`: prints a script generated from the table of commands. */
export async function printCompletion({ words }: Invocation, { stdout }: Terminal): Promise<void> {
  await writeText(stdout, completionOf(words[0] as (typeof shells)[number]));
}

export function completionOf(shell: (typeof shells)[number]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell]();
}

/** Used if no command is named: its flags are offered together with the commands. */
const bare = 'serve';

function bashScript(): string {
  const firstWords = [...new Set(commands().map(({ name }) => name.split(' ')[0]!))];
  return `# Bash completion of pokewire: source <(pokewire completion bash)
_pokewire() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 || $command == -* ]]; then
    command=${bare}
    if [[ $COMP_CWORD -eq 1 && $word != -* ]]; then
      COMPREPLY=($(compgen -W '${firstWords.join(' ')}' -- "$word"))
      return
    fi
  fi
  case "$command \${COMP_WORDS[2]}" in
${pairs()
  .map((name) => `    '${name}') command='${name}' ;;`)
  .join('\n')}
  esac
  case "$command $before" in
${commands().flatMap(bashValues).join('\n')}
  esac
  case "$command" in
${commands().map(bashWords).join('\n')}
${groups()
  .map((name) => `    ${name}) COMPREPLY=($(compgen -W '${secondWords(name).join(' ')}' -- "$word")) ;;`)
  .join('\n')}
  esac
}
complete -o filenames -F _pokewire pokewire
`;
}

/** Cases that complete the value of a flag. */
function bashValues(command: Description): string[] {
  const withValue = flagsOf(command).filter(({ value }) => value !== undefined);
  const byChoices = Map.groupBy(withValue, ({ choices }) => bashChoices(choices));
  return [...byChoices].map(([reply, flags]) => {
    const before = flags.flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]);
    return `    ${before.map((flag) => `'${command.name} ${flag}'`).join(' | ')}) ${reply}; return ;;`;
  });
}

function bashWords(command: Description): string {
  const flags = [...flagsOf(command).map(({ name }) => `--${name}`), '--help'].join(' ');
  const choices = command.words.flatMap((word) => (word.choices === undefined ? [] : [word.choices]))[0];
  return `    '${command.name}')
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '${flags}' -- "$word"))
      else ${bashChoices(choices)}; fi ;;`;
}

function bashChoices(choices: Flag['choices']): string {
  if (choices === undefined) return ':';
  return choices === 'file'
    ? 'COMPREPLY=($(compgen -f -- "$word"))'
    : `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word"))`;
}

function zshScript(): string {
  const described = (name: string, summary: string) => `'${quoted(name)}:${quoted(summary.replaceAll(':', '\\:'))}'`;
  const first = commands().filter(({ name }) => !name.includes(' '));
  const cases = commands().map((command) => `    '${command.name}') _arguments ${zshFlags(command)} ;;`);
  return `#compdef pokewire
# Zsh completion of pokewire: source <(pokewire completion zsh), behind compinit
_pokewire() {
  local command=\${words[2]}
  if [[ $CURRENT -eq 2 && \${words[2]} != -* ]]; then
    local -a commands=(
${[...first.map(({ name, summary }) => described(name, summary)), ...groups().map((name) => described(name, `Has commands of its own: ${secondWords(name).join(', ')}.`))].map((line) => `      ${line}`).join('\n')}
    )
    _describe command commands
    return
  fi
  [[ $command == -* ]] && command=${bare}
  case "$command" in
${groups()
  .map(
    (name) => `    ${name})
      if [[ $CURRENT -eq 3 ]]; then compadd ${secondWords(name).join(' ')}; return; fi
      command="${name} \${words[3]}" ;;`,
  )
  .join('\n')}
  esac
  case "$command" in
${cases.join('\n')}
  esac
}
compdef _pokewire pokewire
`;
}

function zshFlags(command: Description): string {
  const specs = [...flagsOf(command).map(zshFlag), "'--help[Prints this help.]'"];
  const choices = command.words.flatMap((word) => (word.choices === undefined ? [] : [word.choices]))[0];
  return [...specs, `'*:word:${zshChoices(choices)}'`].join(' ');
}

function zshFlag({ name, value, description, choices }: Flag): string {
  const text = quoted(description.replace(/[[\]:\\]/g, (letter) => `\\${letter}`));
  return `'--${name}[${text}]${value === undefined ? '' : `:${value.toLowerCase()}:${zshChoices(choices)}`}'`;
}

function zshChoices(choices: Flag['choices']): string {
  if (choices === undefined) return '';
  return choices === 'file' ? '_files' : `(${choices.join(' ')})`;
}

function fishScript(): string {
  const lines = commands().flatMap((command) => {
    const [first = '', second] = command.name.split(' ');
    const isThis =
      second === undefined
        ? `__fish_seen_subcommand_from ${first}`
        : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`;
    const condition = command.name === bare ? `__fish_use_subcommand; or ${isThis}` : isThis;
    const offered =
      second === undefined
        ? [`complete -c pokewire -n __fish_use_subcommand -a ${first} -d '${quoted(command.summary)}'`]
        : [
            `complete -c pokewire -n '__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${secondWords(first).join(' ')}' -a ${second} -d '${quoted(command.summary)}'`,
          ];
    const choices = command.words.flatMap((word) => (word.choices === undefined ? [] : [word.choices]))[0];
    const words = choices === undefined ? [] : [`complete -c pokewire -n '${isThis}' ${fishChoices(choices)}`];
    return [...offered, ...words, ...flagsOf(command).map((flag) => fishFlag(condition, flag))];
  });
  const offered = groups().map(
    (name) => `complete -c pokewire -n __fish_use_subcommand -a ${name} -d 'Has commands of its own.'`,
  );
  return `# Fish completion of pokewire: pokewire completion fish | source
complete -c pokewire -f
${[...offered, ...lines].join('\n')}
`;
}

function fishFlag(condition: string, { name, short, value, description, choices }: Flag): string {
  const letter = short === undefined ? '' : ` -s ${short}`;
  const taken = value === undefined ? '' : choices === undefined ? ' -x' : ` -r ${fishChoices(choices)}`;
  return `complete -c pokewire -n '${condition}' -l ${name}${letter}${taken} -d '${quoted(description)}'`;
}

function fishChoices(choices: NonNullable<Flag['choices']>): string {
  return choices === 'file' ? '-F' : `-f -a '${choices.join(' ')}'`;
}

/** For single quotes, in which no shell can escape a single quote. */
function quoted(text: string): string {
  return text.replaceAll("'", '’');
}

function pairs(): string[] {
  return commands().flatMap(({ name }) => (name.includes(' ') ? [name] : []));
}

function groups(): string[] {
  return [...new Set(pairs().map((name) => name.split(' ')[0]!))];
}

function secondWords(group: string): string[] {
  return pairs().flatMap((name) => (name.startsWith(`${group} `) ? [name.split(' ')[1]!] : []));
}

import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

/** One flag of a command, for parsing, help and completion. */
export type Flag = {
  readonly name: string;
  /** One letter for it. */
  readonly short?: string;
  /** What stands for its value in help; absent: it is a switch. */
  readonly value?: string;
  readonly description: string;
  /** What the value can be; `file`: a file. */
  readonly choices?: readonly string[] | 'file';
};

export type FlagGroup = { readonly title: string; readonly flags: readonly Flag[] };

/** What stands behind the command without a name. */
export type Word = {
  /** In help: `STREAM`. */
  readonly name: string;
  readonly isOptional?: boolean;
  readonly choices?: readonly string[] | 'file';
};

/** A command of the program, as parsing, help and completion need it. */
export type Description = {
  readonly name: string;
  readonly group: 'Server' | 'Messages' | 'Whole logs' | 'Access' | 'Shell';
  readonly words: readonly Word[];
  /** One line, in the third person. */
  readonly summary: string;
  /** Paragraphs below the flags. */
  readonly notes?: readonly string[];
  readonly flagGroups: readonly FlagGroup[];
};

/** Does what the command line asks for; throws `CliError` or `ConfigError`. */
export type Run = (invocation: Invocation, terminal: Terminal) => Promise<void>;

/** A command that is not the server. */
export type Verb = Description & {
  /** Loads what it does, which other commands need not. */
  readonly load: () => Promise<Run>;
};

export function flagsOf({ flagGroups }: Pick<Description, 'flagGroups'>): readonly Flag[] {
  return flagGroups.flatMap(({ flags }) => flags);
}

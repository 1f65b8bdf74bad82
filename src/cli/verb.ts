import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

/** One flag of a command, for parsing, help and completion. */
export type Flag = {
  readonly name: string;
  /** The letter of the short form. */
  readonly short?: string;
  /** Placeholder of the value in help. Absent for a switch. */
  readonly value?: string;
  readonly description: string;
  /** The allowed values; `file` completes file names. */
  readonly choices?: readonly string[] | 'file';
};

export type FlagGroup = { readonly title: string; readonly flags: readonly Flag[] };

/** A positional argument. */
export type Word = {
  /** In help: `STREAM`. */
  readonly name: string;
  readonly isOptional?: boolean;
  readonly choices?: readonly string[] | 'file';
};

/** A command as parsing, help and completion see it. */
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

/** Runs a command; throws `CliError`, `ConfigError` or `PokewireError`. */
export type Run = (invocation: Invocation, terminal: Terminal) => Promise<void>;

/** A command that is not the server. */
export type Verb = Description & {
  /** Imports the implementation, so that a command loads only its own modules. */
  readonly load: () => Promise<Run>;
};

export function flagsOf({ flagGroups }: Pick<Description, 'flagGroups'>): readonly Flag[] {
  return flagGroups.flatMap(({ flags }) => flags);
}

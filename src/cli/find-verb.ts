import { ConfigError } from '../config-error.ts';
import { quote } from '../flags.ts';
import { didYouMean } from '../suggestion.ts';
import type { Verb } from './verb.ts';
import { verbs } from './verbs.ts';

/** The command of this name, of one word or two; throws {@link ConfigError} for an unknown one. */
export function findVerb(name: string): Verb {
  const verb = verbs.find((candidate) => candidate.name === name);
  if (verb !== undefined) return verb;
  // A command of two words is also near if only its first word was given, or is the one misspelled.
  const names = verbs.flatMap((candidate) => [candidate.name, candidate.name.split(' ', 1)[0]!]);
  const near = didYouMean(name, ['serve', ...names]) || ';';
  throw new ConfigError(`Unknown command ${quote(name)}${near} "pokewire help" lists the commands.`);
}

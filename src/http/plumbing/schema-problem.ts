/** A validation error, in the form common to the validators of routes and tickets. */
type Finding = {
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
};

/**
 * The problem, as the second part of a sentence after the field's name. The validators' own messages do not name valid
 * values.
 */
export function schemaProblem({ keyword, message = 'is not valid', params }: Finding): string {
  if (keyword === 'enum') return `must be ${(params.allowedValues as readonly string[]).join(' or ')}`;
  if (keyword === 'type') return `must be ${/^[aeiou]/.test(String(params.type)) ? 'an' : 'a'} ${params.type}`;
  if (keyword === 'maxLength') return `must have at most ${params.limit} characters`;
  if (keyword === 'maxItems') return `must have at most ${params.limit} entries`;
  // The schema `false` matches nothing.
  if (keyword === 'boolean') return 'is not a member here';
  return message;
}

import { ConfigError } from '../config-error.ts';
import { quote } from '../flags.ts';

/** The messages a command reads. */
export type Selected = { readonly kind: 'stream' | 'category'; readonly name: string } | { readonly kind: 'all' };

/** Parses `account-123`, `stream:account`, `category:account` or `all`; throws {@link ConfigError}. */
export function parseSelected(text: string): Selected {
  if (text === 'all') return { kind: 'all' };
  const [, kind, name = ''] = /^(stream|category):(.*)$/s.exec(text) ?? [];
  if (kind !== undefined) {
    if (name === '') throw new ConfigError(`${quote(text)} lacks a ${kind} name.`);
    return { kind: kind as 'stream' | 'category', name };
  }
  if (text.includes('-')) return { kind: 'stream', name: text };
  throw new ConfigError(`${quote(text)} is ambiguous: use category:${text} or stream:${text}.`);
}

import { stringify } from 'yaml';
import { type Config, flagOf, secretSettings, settingGroups } from '../config.ts';
import type { Origins } from '../read-config.ts';

/**
 * Formats all settings as a configuration file, grouped by subject, each with its origin. Omits secrets, so that the text is
 * safe to share; add them before using it as a file.
 */
export function configText(config: Config, origins: Origins): string {
  const groups = Object.entries(settingGroups).map(([title, names]) => {
    const lines = names.map((name: keyof Config) => {
      const place = origins.get(name)?.place ?? 'default';
      return `${lineOf(name, config[name])}  # ${place}`;
    });
    return [`# ${title}`, ...lines, ''].join('\n');
  });
  return groups.join('\n');
}

function lineOf(name: keyof Config, value: Config[keyof Config]): string {
  const key = flagOf(name);
  if (value !== '' && secretSettings.has(name)) return `# ${key}: set, but not shown`;
  if (name !== 'store') return `${key}: ${scalarOf(value)}`;
  const url = withoutPassword(String(value));
  return url === value ? `${key}: ${scalarOf(value)}` : `# Its password is not shown.\n${key}: ${scalarOf(url)}`;
}

function scalarOf(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

/** User and password of a URL. Not read by `URL`, which takes no list of servers with ports. */
const userInfo = /^([a-z][a-z0-9+.-]*:\/\/)([^@/?#]*)@/i;

function withoutPassword(store: string): string {
  return store.replace(userInfo, (all, scheme: string, info: string) => {
    const [user = '', ...password] = info.split(':');
    if (password.length > 0) return `${scheme}${user}@`;
    // NATS treats a name without a password as a token.
    return scheme.toLowerCase() === 'nats://' ? scheme : all;
  });
}

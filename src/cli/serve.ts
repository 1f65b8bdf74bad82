import { choicesOf, flagOf, isSwitch, notesOf, settingGroups, variableOf } from '../config.ts';
import { startFlags } from '../read-config.ts';
import type { Description, Flag } from './verb.ts';

/** The server as a command, with each setting as a flag. */
export const serve: Description = {
  name: 'serve',
  group: 'Server',
  words: [],
  summary: 'Starts the server; the default when no command is given.',
  notes: [
    `Each setting can be a variable (--drain-ms is ${variableOf('drainMs')}) or a key of a file ("drain-ms: 5000" in pokewire.yaml, or in the file of --config). Flags override variables, and variables override the file.`,
  ],
  flagGroups: [
    {
      title: 'Start',
      flags: [
        { name: 'config', value: 'FILE', description: startFlags.config, choices: 'file' },
        { name: 'check-config', description: startFlags['check-config'] },
        { name: 'print-config', description: startFlags['print-config'] },
        { name: 'version', description: startFlags.version },
      ],
    },
    ...Object.entries(settingGroups).map(([title, names]) => ({ title, flags: names.map(settingFlag) })),
  ],
};

function settingFlag(name: Parameters<typeof notesOf>[0]): Flag {
  const { description, default: initial } = notesOf(name);
  const shown = String(initial);
  const text = isSwitch(name) ? description : `${description} [${shown === '' ? 'none' : shown}]`;
  if (isSwitch(name)) return { name: flagOf(name), description: text };
  const choices = choicesOf(name);
  return { name: flagOf(name), value: 'VALUE', description: text, ...(choices !== undefined && { choices }) };
}

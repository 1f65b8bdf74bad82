/** A command that is not the server. */
export type TransferCommand = 'export' | 'import' | 'backup';

/** Whether the first argument names such a command. Alone here: who asks need not load what the commands do. */
export function isTransferCommand(name: string | undefined): name is TransferCommand {
  return name === 'export' || name === 'import' || name === 'backup';
}

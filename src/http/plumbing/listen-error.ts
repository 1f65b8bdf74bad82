/** Listening on an address or port failed; the message names the setting and the reason. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** System error code such as `EADDRINUSE`. */
  readonly code: string;

  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    super(sentenceOf(host, port, cause), { cause });
    this.code = cause.code ?? '';
  }
}

function sentenceOf(host: string, port: number, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EADDRINUSE':
      return `--port: port ${port} of ${host} is in use; stop the program that listens there, or choose another port, such as --port 9000.`;
    case 'EACCES':
      return `--port: this user may not listen on port ${port} of ${host}; choose a port of 1024 or above, such as --port 9000.`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return `--host: ${host} is not an address of this machine.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return `--host: the name ${host} has no address (${code}).`;
    default:
      return `--host ${host}, --port ${port}: cannot listen there: ${message}.`;
  }
}

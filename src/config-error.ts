/** An unusable command line or setting. The message is one line that names it and the remedy; the exit code is 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A command line or a setting that cannot be used: one line that names it and says what to do. Exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Stands for the generated types, with which test/openapi/client.test.ts checks the calls. */
declare module 'pokewire-description' {
  // biome-ignore lint/suspicious/noExplicitAny: whatever the calls expect of it
  export type paths = any;
}

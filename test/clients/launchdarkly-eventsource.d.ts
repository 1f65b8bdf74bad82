/** The package has no types. */
declare module 'launchdarkly-eventsource' {
  export class EventSource {
    constructor(url: string, options?: { readonly initialRetryDelayMillis?: number });
    addEventListener(type: string, listener: (event: { readonly data: string }) => void): void;
    close(): void;
  }
}

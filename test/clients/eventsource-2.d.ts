/** Version 2 has no types. */
declare module 'eventsource-2' {
  export default class EventSource {
    constructor(url: string);
    addEventListener(type: string, listener: (event: { readonly data: string }) => void): void;
    close(): void;
  }
}

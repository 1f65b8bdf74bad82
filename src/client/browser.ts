import type { Checkpoint, CheckpointStore } from './checkpoint.ts';

/** The methods of `localStorage` in use. */
type TextStorage = {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
};

/** Keeps the checkpoint in `localStorage` under this key. */
export function localStorageCheckpoint(key: string): CheckpointStore {
  const { localStorage } = globalThis as unknown as { localStorage: TextStorage };
  return {
    load: async () => {
      const text = localStorage.getItem(key);
      return text === null ? undefined : (JSON.parse(text) as Checkpoint);
    },
    save: async (checkpoint) => localStorage.setItem(key, JSON.stringify(checkpoint)),
  };
}

/** The members of IndexedDB in use. */
type Request<T> = { result: T; error: unknown; onsuccess: unknown; onerror: unknown };
type Transaction = {
  objectStore(name: string): { get(key: string): Request<unknown>; put(value: unknown, key: string): Request<unknown> };
  oncomplete: unknown;
  onabort: unknown;
  error: unknown;
};
type Database = {
  createObjectStore(name: string): unknown;
  transaction(name: string, mode: string, options?: { durability: string }): Transaction;
};
type OpenRequest = Request<Database> & { onupgradeneeded: unknown };

const table = 'checkpoints';

/** Keeps the checkpoint in the IndexedDB `pokewire` under this key. Web workers have IndexedDB, but not `localStorage`. */
export function indexedDbCheckpoint(key: string): CheckpointStore {
  let opened: Promise<Database> | undefined;
  const database = () => {
    opened ??= openDatabase();
    return opened;
  };
  return {
    async load() {
      const request = (await database()).transaction(table, 'readonly').objectStore(table).get(key);
      return (await settled(request)) as Checkpoint | undefined;
    },
    async save(checkpoint) {
      const transaction = (await database()).transaction(table, 'readwrite', { durability: 'strict' });
      transaction.objectStore(table).put(checkpoint, key);
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
    },
  };
}

function openDatabase(): Promise<Database> {
  const { indexedDB } = globalThis as unknown as { indexedDB: { open(name: string, version: number): OpenRequest } };
  const request = indexedDB.open('pokewire', 1);
  request.onupgradeneeded = () => request.result.createObjectStore(table);
  return settled(request);
}

function settled<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Calls between the runner and its processes: one name, one argument, one answer. */
export type Request = { readonly call: number; readonly method: string; readonly argument: unknown };
export type Answer = { readonly call: number; readonly value?: unknown; readonly error?: string };

type Methods = Record<string, (argument: never) => unknown>;

/** Answers the runner's calls in a child process, and ends with it. */
export function serve(methods: Methods): void {
  process.on('message', async ({ call, method, argument }: Request) => {
    try {
      const value = await methods[method]!(argument as never);
      process.send!({ call, value } satisfies Answer);
    } catch (error) {
      process.send!({ call, error: error instanceof Error ? error.message : String(error) } satisfies Answer);
    }
  });
  process.on('disconnect', () => process.exit());
}

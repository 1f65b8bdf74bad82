/** The result of the work, and the number of turns of the event loop during it. */
export async function countTurns<T>(work: () => Promise<T>): Promise<{ result: T; turns: number }> {
  let turns = 0;
  let immediate: NodeJS.Immediate;
  const count = () => {
    turns++;
    immediate = setImmediate(count);
  };
  count();
  try {
    const result = await work();
    return { result, turns };
  } finally {
    clearImmediate(immediate!);
  }
}

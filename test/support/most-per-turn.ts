/** The result of the work, and the largest increase of a count in one turn of the event loop meanwhile. */
export async function mostPerTurn<T>(
  count: () => number,
  work: () => Promise<T>,
): Promise<{ result: T; most: number }> {
  let most = 0;
  let last = count();
  let immediate: NodeJS.Immediate;
  const look = () => {
    const now = count();
    most = Math.max(most, now - last);
    last = now;
    immediate = setImmediate(look);
  };
  immediate = setImmediate(look);
  try {
    return { result: await work(), most };
  } finally {
    clearImmediate(immediate);
  }
}

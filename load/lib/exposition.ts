/** Sum of a metric's samples over its labels, in what `/metrics` shows. */
export function sumOf(exposition: string, name: string): number {
  const lines = exposition.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Sum of a metric's samples over its labels, from the text of `/metrics`. */
export function sumOf(exposition: string, name: string): number {
  const lines = exposition.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** JSON of a given length, in shapes that are expensive to parse. */
type Shape = (bytes: number) => string;

const repeated =
  (open: string, unit: (index: number) => string, close: string): Shape =>
  (bytes) => {
    const units: string[] = [];
    let left = bytes - open.length - close.length;
    for (let index = 0; ; index++) {
      const text = unit(index);
      left -= text.length + 1;
      if (left < 0) return `${open}${units.join(',')}${close}`;
      units.push(text);
    }
  };

const key = (index: number) => index.toString(36);

/** JSON objects, because `data` must be one. */
export const largeObjects: Readonly<Record<string, Shape>> = {
  'many members': repeated('{', (index) => `"${key(index)}":0`, '}'),
  'members by index': repeated('{', (index) => `"${index}":{}`, '}'),
  'one member again and again': repeated('{', () => '"a":{}', '}'),
  'objects of other members each': repeated('{"a":[', (index) => `{"${key(index)}":0}`, ']}'),
  'objects in objects of other members': repeated(
    '{"a":[',
    (index) => `{"${key(index)}":{"${key(index * 7)}":1}}`,
    ']}',
  ),
  'empty objects': repeated('{"a":[', () => '{}', ']}'),
  'empty arrays': repeated('{"a":[', () => '[]', ']}'),
  'short numbers': repeated('{"a":[', () => '0', ']}'),
  'numbers with exponents': repeated('{"a":[', () => '1e-9', ']}'),
  'numbers at the end of the range': repeated('{"a":[', () => '1.7976931348623157e308', ']}'),
  'numbers of 200 digits': repeated('{"a":[', () => `0.${'123456789'.repeat(22)}`, ']}'),
  'one number': (bytes) => `{"a":0.${'9'.repeat(bytes - 8)}}`,
  'short texts': repeated('{"a":[', (index) => `"${key(index)}"`, ']}'),
  'escaped units': (bytes) => `{"a":"${'\\u0041'.repeat((bytes - 8) / 6)}"}`,
  backslashes: (bytes) => `{"a":"${'\\\\'.repeat((bytes - 8) / 2)}"}`,
  'escaped names': repeated('{', (index) => `"\\u0061${key(index)}":0`, '}'),
  'white space': (bytes) => `{${' '.repeat(bytes - 2)}}`,
  'white space between all tokens': repeated('{"a":[', () => ' 0 ', ']}'),
  'deep arrays again and again': repeated('{"a":[', () => `${'['.repeat(58)}${']'.repeat(58)}`, ']}'),
  'deep objects again and again': repeated('{"a":[', () => `${'{"a":'.repeat(58)}0${'}'.repeat(58)}`, ']}'),
  'arrays too deep': (bytes) => `{"a":${'['.repeat((bytes - 7) / 2)}${']'.repeat((bytes - 7) / 2)}}`,
  'two-byte text': (bytes) => `{"a":"${'Ж'.repeat((bytes - 8) / 2)}"}`,
};

/** The same value spelled differently. */
export function respelled(object: string): string {
  if (object.startsWith('{"a":')) return `{"\\u0061"${object.slice(4)}`;
  return JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(object) as object).reverse()));
}

/** A different value that differs only at the end. */
export function lengthened(object: string): string {
  return `${object.slice(0, -1)}${object.slice(1, -1).trim() === '' ? '' : ','}"zz":1}`;
}

const read = (selection) => `for await (const message of pokewire.read(${selection})) console.log(message);`;

/** Operations for which pokewire/client has methods; `get` sends any other GET that returns JSON. */
const methods = {
  appendMessages: `const { position } = await pokewire.append('account-123', { type: 'Deposited', data: { amount: 100 } });
console.log(position);`,
  readStream: read("{ stream: 'account-123' }"),
  readCategory: read("{ category: 'account' }"),
  subscribe: `const pokes = pokewire.subscribe(
  { category: 'account' },
  { onPoke: ({ stream, position }) => console.log(stream, position) },
);`,
};

/** The request with pokewire/client; undefined if it cannot send it. */
export function clientSample({ id }, { method, target, url, answerType }) {
  const call =
    methods[id] ??
    (method === 'GET' && answerType === 'application/json'
      ? `console.log(await pokewire.get('${target}'));`
      : undefined);
  if (call === undefined) return [];
  const server = url.slice(0, -target.length);
  const text = `import { connect } from 'pokewire/client';\n\nconst pokewire = connect('${server}');\n${call}`;
  return [{ name: 'pokewire/client', text }];
}

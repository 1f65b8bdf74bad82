import { connect, type Handlers, type Poke, type Reset, type State } from '../../src/client/client.ts';
import { ScriptedServer, settle } from './scripted-server.ts';

type Options = Parameters<typeof connect>[1];
type Asked = Parameters<ReturnType<typeof connect>['subscribe']>[0];

/** A subscription to a scripted server, and its callbacks' arguments. */
export async function subscribe(
  asked: Asked = { category: 'account' },
  options: Options = {},
  handlers: Handlers = {},
) {
  const server = new ScriptedServer();
  const pokes: Poke[] = [];
  const states: State[] = [];
  const resets: Reset[] = [];
  const subscription = connect('http://server.test/', { fetch: server.fetch, ...options }).subscribe(asked, {
    onPoke: (poke) => pokes.push(poke),
    onState: (state) => states.push(state),
    onReset: (reset) => resets.push(reset),
    ...handlers,
  });
  await settle();
  const positions = () => pokes.map(({ globalPosition }) => globalPosition);
  return { server, subscription, pokes, states, resets, positions };
}

/** The names of these states. */
export const names = (states: readonly State[]) => states.map(({ name }) => name);

import { createElement, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { connect, type Message } from '../../src/client/client.ts';
import { useLive, usePokes } from '../../src/client/react.ts';

const pokewire = connect(location.origin);

async function fetchMessages(): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of pokewire.read({ category: 'account' })) messages.push(message);
  return messages;
}

function List() {
  const { value, state } = useLive(pokewire, { category: 'account' }, fetchMessages);
  const rows = value?.map(({ id, stream }) => createElement('li', { key: id }, stream));
  return createElement('ul', { id: 'list', title: state.name }, rows);
}

const told: string[] = [];

function Counter() {
  const state = usePokes(pokewire, { category: 'order' }, ({ stream }) => told.push(stream));
  return createElement('p', { id: 'pokes', title: state.name }, told.join(' '));
}

Object.assign(globalThis, {
  told,
  mount(name: 'List' | 'Counter') {
    const root = createRoot(document.body.appendChild(document.createElement('div')));
    root.render(createElement(StrictMode, null, createElement({ List, Counter }[name])));
    return () => root.unmount();
  },
});

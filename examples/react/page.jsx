import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
// With the installed package: 'pokewire/client' and 'pokewire/client/react'.
import { connect } from '../../src/client/client.ts';
import { useLive } from '../../src/client/react.ts';

const server = new URLSearchParams(location.search).get('server') ?? 'http://localhost:8080';
const pokewire = connect(server);

/** The query. Yours requests your own API; this one adds up the messages of the category. */
async function fetchBalances() {
  const balances = new Map();
  for await (const { stream, data } of pokewire.read({ category: 'account' })) {
    balances.set(stream, (balances.get(stream) ?? 0) + data.amount);
  }
  return [...balances].sort(([a], [b]) => a.localeCompare(b));
}

/** Runs the query again after each poke of the category. */
function Balances() {
  const { value, error, state } = useLive(pokewire, { category: 'account' }, fetchBalances);
  if (value === undefined) return <p>{error ? String(error) : 'loading'}</p>;
  return (
    <table>
      <caption>Balances, {state.name}</caption>
      <tbody>
        {value.map(([account, balance]) => (
          <tr key={account}>
            <th>{account}</th>
            <td>{balance}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Deposit() {
  const deposit = (form) =>
    pokewire.append(`account-${form.get('account')}`, {
      type: 'Deposited',
      data: { amount: Number(form.get('amount')) },
    });
  return (
    <form action={deposit}>
      <label>
        Account <input name="account" defaultValue="1" pattern="\d+" required />
      </label>{' '}
      <label>
        Amount <input name="amount" type="number" defaultValue="100" required />
      </label>{' '}
      <button type="submit">Deposit</button>
    </form>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Deposit />
    <Balances />
  </StrictMode>,
);

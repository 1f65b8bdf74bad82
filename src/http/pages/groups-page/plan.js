import { element } from '../common/element.js';
import { countText, number } from '../common/format.js';

/** The summary of a plan. `sizeNow`: current number of partitions. */
export function planSentence({ size, streams, exact, moved }, sizeNow) {
  const counted = `${exact ? '' : 'at least '}${countText(streams, 'stream')}`;
  if (size === sizeNow)
    return `The current ${countText(size, 'partition')} ${size === 1 ? 'has' : 'share'} ${counted}.`;
  return `With ${countText(size, 'partition')}, ${number(moved)} of ${counted} would get another owner.`;
}

/** The details of a plan: what new partitions wait for, how even the load is, and a table of the partitions. */
export function planParts(plan, sizeNow) {
  const { size, perPartition, largest, predecessors } = plan;
  const facts = [
    ...(size === sizeNow ? [] : [['Each new partition', `waits for ${countText(predecessors, 'current partition')}`]]),
    ['Busiest partition', busiestText(perPartition)],
    ...(largest === null
      ? []
      : [['Largest stream', `${largest.stream}: ${percent(largest.share)} of the latest messages`]]),
  ];
  const list = facts.map(([name, text]) => element('div', {}, element('dt', {}, name), element('dd', {}, text)));
  const rows = perPartition.map(partitionRow);
  const table = element('table', {}, headRow(), element('tbody', {}, ...rows));
  const byPartition = element('details', {}, element('summary', {}, 'Partition by partition'), table);
  return [element('dl', { className: 'facts' }, ...list), byPartition];
}

/** The partition with the highest load, compared with the average. */
function busiestText(perPartition) {
  const rates = perPartition.map(({ messagesPerDay }) => messagesPerDay);
  const busiest = rates.indexOf(Math.max(...rates));
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  if (mean === 0) return 'none: there are no messages';
  const times = number(Math.round((rates[busiest] / mean) * 10) / 10);
  return `${busiest}: ${countText(Math.round(rates[busiest]), 'message')} a day, ${times} × the average`;
}

const percent = (share) => `${number(Math.round(share * 1_000) / 10)} %`;

function headRow() {
  const cell = (text, className = '') => element('th', { scope: 'col', className }, text);
  const cells = [
    cell('Partition', 'which'),
    cell('Member'),
    cell('Streams', 'number'),
    cell('Messages a day', 'number'),
  ];
  return element('thead', {}, element('tr', {}, ...cells));
}

function partitionRow({ member, streams, messagesPerDay }, partition) {
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, String(partition)),
    element('td', { className: member === null ? 'gone' : '' }, member ?? 'nobody'),
    element('td', { className: 'number' }, number(streams)),
    element('td', { className: 'number' }, number(Math.round(messagesPerDay))),
  );
}

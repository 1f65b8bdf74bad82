import { copyText } from '../common/curl-line.js';
import { byId, element } from '../common/element.js';

const marks = { good: '✓', info: 'i', mind: '!', bad: '✕' };

/** The report of a run for the administrator of a proxy: the results as text, and all measurements. */
export function setUpReport() {
  // It scrolls, so it must be reachable by keyboard.
  Object.assign(byId('report-text'), { tabIndex: 0, role: 'region', ariaLabel: 'Report' });
  const copy = element('button', { type: 'button' }, 'Copy report');
  copy.addEventListener('click', () => copyText(copy, byId('report-text')));
  const download = element('button', { type: 'button' }, 'Download');
  download.addEventListener('click', () => {
    const url = URL.createObjectURL(new Blob([byId('report-text').textContent], { type: 'text/plain' }));
    element('a', { href: url, download: 'pokewire-diagnosis.txt' }).click();
    URL.revokeObjectURL(url);
  });
  byId('report-actions').append(copy, download);
}

/** `checks`: titles by name. `measured` includes the verdicts. */
export function showReport(checks, measured) {
  const findings = Object.entries(measured.verdicts).map(([name, { state, value, sentence, settings }]) => {
    const changes = settings.map(({ who, setting, why }) => `    ${who}: ${setting}\n      ${why}\n`);
    return `${marks[state]} ${checks[name].title}: ${value}\n  ${sentence}\n${changes.join('')}`;
  });
  const everything = JSON.stringify(measured, undefined, 2);
  byId('report-text').textContent =
    `Pokewire at ${location.origin}, ${measured.at}\n\n${findings.join('\n')}\n${everything}\n`;
  byId('report').hidden = false;
}

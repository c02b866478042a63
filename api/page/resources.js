// One row a cell; those that aren't well come first, the others stay in the order
// of the configuration.

import { $, el, text, attribute, hide, width, arrange } from './dom.js';
import { setIcon } from './icons.js';
import { number, few, bytes, parse, ago, clock, until, plural } from './format.js';
import { keyOf } from './document.js';
import { tellCell, cellName } from './words.js';

const manyCells = 15; // from here on there is a filter

const rows = new Map();
let onRetry = () => {};

// prepare says what the buttons of the rows do.
export function prepare(retry, changed) {
  onRetry = retry;
  $('filter').addEventListener('input', changed);
}

export function render(doc, now) {
  const cells = doc.resourceStatus;
  const keys = new Set(cells.map(keyOf));
  for (const [key, row] of rows) {
    if (keys.has(key)) continue;
    row.body.remove();
    rows.delete(key);
  }
  const wanted = $('filter').value.trim().toLowerCase();
  const order = cells.map((r, i) => ({ r, i, told: tellCell(r, doc) })).sort((a, b) => a.told.rank - b.told.rank || a.i - b.i);
  const retry = doc.allowedActions.includes('retry');
  let seen = 0;
  const bodies = order.map(({ r, told }) => {
    const row = rows.get(keyOf(r)) || newRow(r);
    const matches = !wanted || (cellName(r) + ' ' + r.resource).toLowerCase().includes(wanted);
    if (matches) seen++;
    hide(row.body, !matches);
    if (matches) fill(row, r, told, now, retry);
    return row.body;
  });
  arrange($('cells'), bodies, 1);
  hide($('cells'), cells.length === 0);
  hide($('cells-empty'), cells.length > 0);
  hide($('filter-box'), cells.length < manyCells && !wanted);
  renderTally(doc, wanted ? seen : -1);
}

function renderTally(doc, seen) {
  if (doc.totalResources === 0) return text($('tally'), '');
  if (seen >= 0) return text($('tally'), `${number(seen)} of ${plural(doc.totalResources, 'resource')}`);
  const bad = doc.failedResources > 0 ? `, ${number(doc.failedResources)} not well` : '';
  text($('tally'), `${number(doc.syncedResources)} of ${number(doc.totalResources)} synced${bad}`);
}

function newRow(r) {
  const cell = (name, label, ...children) => el('td', { role: 'cell', class: name, 'data-label': label }, ...children);
  const row = { kind: el('span', { class: 'kind' }), name: el('span', { class: 'name' }) };
  row.mark = el('span', { class: 'mark' });
  row.word = el('span');
  row.bar = el('div', { class: 'track small', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' }, el('i'));
  row.count = el('span', { class: 'count' });
  row.written = el('span');
  row.refused = el('a', { href: '#letters-section', class: 'refused' });
  row.watch = el('span');
  row.heard = el('span', { class: 'sub' });
  row.why = el('span', { class: 'why' });
  row.next = el('span', { class: 'next' });
  row.button = el('button', { type: 'button', class: 'small-button' }, 'Retry now');
  row.button.addEventListener('click', () => onRetry(row.cell));
  row.note = el('tr', { role: 'row', class: 'note' }, el('td', { role: 'cell', colspan: '5' }, el('div', { class: 'note-inner' }, row.why, row.next, row.button)));
  row.body = el('tbody', { role: 'rowgroup' },
    el('tr', { role: 'row' },
      el('th', { role: 'rowheader', scope: 'row', class: 'what' }, row.kind, row.name),
      cell('state', 'State', row.mark, row.word),
      cell('amount', 'Objects', row.count, row.bar),
      cell('written', 'Written', row.written, row.refused),
      cell('watch', 'Watch', row.watch, row.heard)),
    row.note);
  rows.set(keyOf(r), row);
  return row;
}

function fill(row, r, told, now, retry) {
  row.cell = r;
  attribute(row.body, 'data-tone', told.tone);
  text(row.kind, r.resource || r.name);
  text(row.name, r.namespace ? `${r.name} in ${r.namespace}` : r.name);
  setIcon(row.mark, told.tone);
  text(row.word, told.word);
  fillAmount(row, r);
  text(row.written, writtenOf(r));
  attribute(row.written, 'title', `${number(r.unchanged)} unchanged, ${number(r.filtered)} filtered, ${number(r.coalesced)} coalesced, ${bytes(r.bytes)} written in this run`);
  text(row.refused, r.deadLettered > 0 ? plural(r.deadLettered, 'dead letter') : '');
  fillWatch(row, r, now);
  fillNote(row, r, now, retry);
}

function fillAmount(row, r) {
  const done = r.status === 'completed';
  const total = r.total === null ? NaN : Math.max(r.total, r.count);
  const ratio = done ? 1 : Number.isFinite(total) && total > 0 ? r.count / total : 0;
  const about = r.totalEstimated ? '≈ ' : '';
  const amount = done ? number(r.objects) : Number.isFinite(total) ? `${number(r.count)} of ${about}${number(total)}` : r.count > 0 || r.status === 'in_progress' ? number(r.count) + ' so far' : '–';
  text(row.count, amount);
  width(row.bar.firstElementChild, ratio);
  const open = r.status === 'in_progress' && !Number.isFinite(total);
  attribute(row.bar, 'data-open', open ? '' : null);
  attribute(row.bar, 'aria-label', 'Progress of ' + cellName(r));
  attribute(row.bar, 'aria-valuenow', open ? null : Math.floor(ratio * 100));
  attribute(row.bar, 'aria-valuetext', `${amount} objects, ${row.word.textContent.toLowerCase()}`);
}

// writtenOf is what was written since the process started.
function writtenOf(r) {
  const gone = r.deleted + r.swept;
  const parts = [];
  if (r.created) parts.push(number(r.created) + ' new');
  if (r.updated) parts.push(number(r.updated) + ' changed');
  if (gone) parts.push(number(gone) + ' gone');
  return parts.join(', ') || 'nothing';
}

function fillWatch(row, r, now) {
  const w = r.watch;
  const lag = w.lagSeconds;
  const word = { pending: 'not yet', connecting: 'connecting', broken: 'broken' }[w.state];
  text(row.watch, word || (lag === null ? 'lag unknown' : lag < 0.05 ? 'in step' : few(lag) + ' s behind'));
  attribute(row.watch, 'data-late', !word && lag !== null && lag >= 5 ? '' : w.state === 'broken' ? '' : null);
  text(row.heard, w.lastEventAt ? 'heard ' + ago(parse(w.lastEventAt), now) : '');
}

function fillNote(row, r, now, retry) {
  const next = parse(r.nextRetryAt);
  const waits = Number.isFinite(next);
  hide(row.note, !r.error && !waits);
  text(row.why, r.error ? r.error.message : '');
  attribute(row.why, 'title', r.error ? `${r.error.reason}, at ${clock(parse(r.error.time), now)}` : null);
  text(row.next, waits ? `attempt ${number(r.attempt + 1)} ${until(next, now)}` : '');
  hide(row.button, !waits || !retry);
  attribute(row.button, 'aria-label', 'Retry ' + cellName(r) + ' now');
}


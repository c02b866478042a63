// What needs attention, the worst first, and the objects that the store refused.

import { $, el, text, attribute, hide, arrange } from './dom.js';
import { setIcon } from './icons.js';
import { number, parse, ago, clock, until, plural } from './format.js';
import { cellName, isCancelled } from './words.js';

const warningWords = {
  discovery_incomplete: 'Part of the cluster’s API can’t be described',
  list_unordered: 'A list came unordered',
  store_slow: 'The store is slow',
  checkpoint_not_saved: 'A checkpoint isn’t saved',
  history_not_saved: 'Past runs aren’t saved',
};

const shown = new Map();

export function render(doc, now) {
  const notices = [...ofRun(doc, now), ...ofControl(doc, now), ...ofWarnings(doc, now)];
  const keys = new Set(notices.map((n) => n.key));
  for (const key of shown.keys()) if (!keys.has(key)) shown.delete(key);
  arrange($('notices'), notices.map(place));
  hide($('notices-section'), notices.length === 0);
}

// place fills the notice's element, which it keeps while the notice lasts.
function place(notice) {
  let parts = shown.get(notice.key);
  if (!parts) {
    parts = { mark: el('span', { class: 'mark' }), title: el('strong'), body: el('span', { class: 'notice-text' }), note: el('span', { class: 'notice-note' }) };
    parts.item = el('li', { class: 'notice' }, parts.mark, el('div', {}, parts.title, parts.body), parts.note);
    shown.set(notice.key, parts);
  }
  attribute(parts.item, 'data-tone', notice.tone);
  setIcon(parts.mark, notice.tone);
  text(parts.title, notice.title);
  text(parts.body, notice.body || '');
  text(parts.note, notice.note || '');
  return parts.item;
}

function ofRun(doc, now) {
  if (!doc.error || isCancelled(doc)) return [];
  const next = parse(doc.retry.nextRetryAt);
  const failures = doc.consecutiveFailures > 1 ? ` (${number(doc.consecutiveFailures)} in a row)` : '';
  return [{
    key: 'run', tone: 'bad', title: 'The run failed' + failures, body: doc.error,
    note: doc.state === 'retrying' && Number.isFinite(next) ? 'next try ' + until(next, now) : '',
  }];
}

// ofControl tells of a pause, and of the cancellation that ended the last run.
function ofControl(doc, now) {
  const c = doc.control;
  if (!c.paused && !isCancelled(doc)) return [];
  const who = (c.paused ? 'Paused' : 'Cancelled') + (c.by ? ' by ' + c.by : '');
  const since = parse(c.since);
  return [{
    key: 'control', tone: c.paused ? 'paused' : 'idle', title: who,
    body: c.reason || 'No reason was given.',
    note: Number.isFinite(since) ? `since ${clock(since, now)}, ${ago(since, now)}` : '',
  }];
}

function ofWarnings(doc, now) {
  return doc.warnings.map((w) => ({
    key: 'warning ' + w.code + ' ' + (w.resource || ''), tone: 'warn',
    title: (warningWords[w.code] || w.code) + (w.resource ? ': ' + w.resource : ''), body: w.message,
    note: 'since ' + clock(parse(w.since), now),
  }));
}

let letters = '';

// renderLetters is made anew when a letter comes, which is rare.
export function renderLetters(doc, now) {
  const cells = doc.resourceStatus.filter((r) => r.deadLettered > 0 || r.deadLetters?.length > 0);
  hide($('letters-section'), cells.length === 0);
  const total = cells.reduce((n, r) => n + r.deadLettered, 0);
  const kept = cells.reduce((n, r) => n + (r.deadLetters || []).length, 0);
  text($('letters-tally'), kept < total ? `the newest ${number(kept)} of ${number(total)}` : plural(total, 'object'));
  const key = JSON.stringify(cells.map((r) => [cellName(r), r.deadLetters]));
  if (key === letters) return;
  letters = key;
  $('letters').replaceChildren(...cells.flatMap((r) => (r.deadLetters || []).map((l) => el('tr', {},
    el('td', {}, cellName(r)), el('td', { class: 'key' }, l.key.replace(/^\//, '')), el('td', { class: 'why' }, l.error),
    el('td', { class: 'when' }, clock(parse(l.time), now))))));
}

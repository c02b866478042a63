// The past runs: a chart of how long they took, and a table.

import { $, el, svg, text, attribute, hide, link } from './dom.js';
import { icon } from './icons.js';
import { number, duration, parse, clock, plural } from './format.js';
import { outcomes, triggers } from './words.js';

const limit = 30;
const few = 6; // rows, until all are asked for
const slots = 24; // the fewest that a chart has room for, so that a single run isn't a block
const height = 132;
const top = 18; // for the marks
const bottom = 1;

export class History {
  #url;
  #headers;
  #key = null; // of the runs that are shown
  #asking = false;
  #askAgainAt = 0;

  // headers returns what requests carry besides.
  constructor(api, headers) {
    this.#url = api + 'sync/history?limit=' + limit;
    this.#headers = headers;
    $('runs-more').addEventListener('click', () => showRows($('runs-more').getAttribute('aria-expanded') === 'false'));
  }

  // follow asks for the runs when there may be others than those that are shown.
  async follow(doc, again = false) {
    const key = [doc.instance, doc.history.runs, doc.runId, doc.endTime].join(' ');
    if (this.#asking || (!again && (key === this.#key || Date.now() < this.#askAgainAt))) return;
    this.#asking = true;
    this.#askAgainAt = Date.now() + 5000;
    try {
      const response = await fetch(this.#url, { headers: this.#headers(), cache: 'no-store' });
      if (response.ok) {
        show(await response.json());
        this.#key = key;
        this.#askAgainAt = 0;
      } else {
        this.#refused(response.status, key);
      }
    } catch {
      this.#refused(0, key);
    } finally {
      this.#asking = false;
    }
  }

  #refused(status, key) {
    const needsToken = status === 401 || status === 403;
    if (needsToken || status === 404) this.#key = key; // asking again brings the same
    hide($('history-token'), !needsToken);
    if (!$('history-body').hidden) return; // what is shown is better than nothing
    hide($('history-empty'), false);
    text($('history-empty'), needsToken ? 'Past runs are shown to those who have a token.'
      : status === 404 ? 'This server tells nothing of past runs.' : 'Past runs can’t be read right now; they are asked for again.');
  }
}

function show(history) {
  const now = Date.now();
  const runs = history.runs || [];
  hide($('history-token'), true);
  hide($('history-body'), runs.length === 0);
  hide($('history-empty'), runs.length > 0);
  text($('history-empty'), 'No run has ended yet.');
  text($('history-tally'), summary(history.stats));
  if (runs.length === 0) return;
  $('chart').replaceChildren(chart([...runs].reverse(), history.stats, now));
  $('legend').replaceChildren(...['completed', 'partial', 'failed', 'cancelled'].filter((o) => runs.some((r) => outcomeOf(r) === o)).map(legendOf));
  $('runs').replaceChildren(...runs.map((run) => row(run, now)));
  showRows($('runs-more').getAttribute('aria-expanded') === 'true');
}

// showRows shows the newest rows, or all.
function showRows(all) {
  const rows = [...$('runs').children];
  rows.forEach((row, i) => hide(row, !all && i >= few));
  hide($('runs-more-box'), rows.length <= few);
  attribute($('runs-more'), 'aria-expanded', all);
  text($('runs-more'), all ? 'Show fewer runs' : `Show all ${number(rows.length)} runs`);
}

const outcomeOf = (run) => (run.outcome === 'completed' && run.partial ? 'partial' : outcomes[run.outcome] ? run.outcome : 'failed');

function summary(stats) {
  if (!stats || stats.runs === 0) return '';
  const average = stats.completed < 2 ? '' : `, ${duration(stats.averageDurationMs)} on average`;
  const most = stats.completed < 5 ? '' : `, 95 % within ${duration(stats.p95DurationMs)}`;
  const failed = stats.failed > 0 ? `, ${number(stats.failed)} failed` : '';
  return plural(stats.runs, 'run') + failed + average + most;
}

function legendOf(outcome) {
  return el('li', { 'data-outcome': outcome }, el('span', { class: 'swatch' }), icon(outcomes[outcome].tone), outcomes[outcome].word);
}

// chart draws one bar a run, the oldest first.
function chart(runs, stats, now) {
  const longest = Math.max(1, ...runs.map((r) => r.durationMs));
  const slot = 100 / Math.max(slots, runs.length);
  const scale = (ms) => ((height - top - bottom) * ms) / longest;
  const picture = svg('svg', { class: 'runs', width: '100%', height, role: 'img', 'aria-label': 'How long past runs took: ' + summary(stats) + '. The table below has the same.' });
  picture.append(hatch());
  if (stats.averageDurationMs !== null && runs.length > 1) picture.append(average(height - bottom - scale(stats.averageDurationMs)));
  runs.forEach((run, i) => picture.append(bar(run, i * slot, slot, Math.max(3, scale(run.durationMs)), now)));
  picture.append(svg('line', { class: 'axis', x1: '0', x2: '100%', y1: height - 0.5, y2: height - 0.5 }));
  return el('div', { class: 'chart-inner' }, picture, el('p', { class: 'chart-top' }, duration(longest)));
}

function hatch() {
  return svg('defs', {}, svg('pattern', { id: 'hatch', width: '6', height: '6', patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    svg('rect', { class: 'hatch-ground', width: '6', height: '6' }), svg('rect', { class: 'hatch-line', width: '2.5', height: '6' })));
}

function average(y) {
  return svg('line', { class: 'average', x1: '0', x2: '100%', y1: y, y2: y });
}

function bar(run, x, slot, tall, now) {
  const outcome = outcomeOf(run);
  const group = svg('g', { 'data-outcome': outcome },
    svg('title', {}, `${outcomes[outcome].word} after ${duration(run.durationMs)}, started ${clock(parse(run.startTime), now)}`),
    svg('rect', { class: 'bar', x: x + slot * 0.14 + '%', y: height - bottom - tall, width: slot * 0.72 + '%', height: tall, rx: 2 }));
  const mark = markOf(outcome);
  if (mark) group.append(svg('svg', { x: x + slot / 2 + '%', y: height - bottom - tall - 9, overflow: 'visible' }, svg('path', { class: 'mark', d: mark })));
  return group;
}

// markOf is the shape above the bar of a run that didn't go well.
function markOf(outcome) {
  return { failed: 'M-3.5-3.5l7 7M3.5-3.5l-7 7', cancelled: 'M-4 0h8', partial: 'M0-4l4 7h-8z' }[outcome];
}

function row(run, now) {
  const outcome = outcomeOf(run);
  return el('tr', { 'data-outcome': outcome },
    el('td', { class: 'when' }, el('time', { datetime: run.startTime }, link(run.traceUrl, clock(parse(run.startTime), now)) || clock(parse(run.startTime), now))),
    el('td', { class: 'outcome' }, icon(outcomes[outcome].tone), outcomes[outcome].word),
    el('td', { class: 'num' }, duration(run.durationMs)),
    el('td', { class: 'num' }, number(run.objects)),
    el('td', { class: 'when' }, triggers[run.trigger] || run.trigger),
    el('td', { class: 'why' }, errorOf(run)));
}

function errorOf(run) {
  if (run.error) return run.error;
  const bad = (run.resources || []).filter((r) => r.error);
  return bad.length === 0 ? '' : bad.map((r) => `${r.name}${r.namespace ? ' in ' + r.namespace : ''}: ${r.error}`).join('; ');
}

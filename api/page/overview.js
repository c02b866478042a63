// The head of the page: what the mirror does, how far it is, and how long it takes.

import { $, el, text, attribute, width, link } from './dom.js';
import { setIcon, favicon } from './icons.js';
import { number, few, bytes, duration, whole, parse, ago, clock, plural, unknown } from './format.js';
import { tell, triggers, isCancelled } from './words.js';
import { Pace } from './pace.js';

const steps = [
  ['cleanup', 'Prepare', 'cleanup'],
  ['sync', 'Copy', 'sync'],
  ['informer', 'Watch', 'informer'],
  ['done', 'Follow', 'done'],
];
const stepWords = { done: 'done', current: 'under way', todo: 'to come', broken: 'failed', cut: 'cancelled', held: 'held here' };
const estimateWords = { low: 'a rough guess', medium: 'an estimate', high: 'a good estimate' };

const objectPace = new Pace();
const bytePace = new Pace();
const eventPace = new Pace();
const items = new Map();

// prepare makes the list of steps once.
export function prepare() {
  for (const [name, title, code] of steps) {
    const state = el('span', { class: 'step-state' });
    const mark = el('span', { class: 'step-mark' });
    const item = el('li', {}, mark, el('span', { class: 'step-title' }, title), el('code', { class: 'step-code' }, code), state);
    items.set(name, { item, mark, state });
    $('steps').append(item);
  }
}

export function render(doc, now) {
  const told = tell(doc);
  attribute($('overview'), 'data-tone', told.tone);
  setIcon($('emblem'), told.tone);
  text($('headline'), told.headline);
  text($('trust'), told.trust);
  text($('cluster'), doc.cluster || 'cluster');
  renderSteps(doc, now);
  renderMeter(doc);
  renderAmounts(doc);
  renderPace(doc, now);
  renderTimes(doc, now);
  renderIdentity(doc);
}

// renderTab shows the state where the page itself isn't seen.
export function renderTab(doc, lost) {
  const told = tell(doc);
  const running = doc.status === 'in_progress';
  const percent = Math.floor(doc.progress.ratio * 100);
  const words = lost ? 'No connection' : (running ? percent + ' % · ' : '') + told.headline;
  const title = words + ' – ' + (doc.cluster || 'Sidemirror');
  if (document.title !== title) document.title = title;
  const ring = running && told.tone === 'busy' && !lost ? Math.max(0.04, Math.round(percent / 4) / 25) : null;
  attribute($('icon'), 'href', favicon(lost ? 'idle' : told.tone, ring));
}

function renderSteps(doc, now) {
  const reached = steps.findIndex(([name]) => name === doc.step);
  const times = new Map(doc.stepStatus.map((s) => [s.step, s]));
  steps.forEach(([name], i) => {
    const { item, mark, state } = items.get(name);
    const is = stepState(doc, i, reached);
    attribute(item, 'data-is', is);
    attribute(item, 'aria-current', is === 'current' || is === 'held' ? 'step' : null);
    setIcon(mark, { done: 'ok', current: 'busy', broken: 'bad', held: 'paused' }[is] || 'idle');
    text(state, name === 'done' ? (is === 'done' ? 'since ' + clock(parse(doc.endTime), now) : stepWords[is]) : took(times.get(name), is, now));
  });
}

function stepState(doc, i, reached) {
  if (i < reached || doc.status === 'completed') return 'done';
  if (i > reached) return 'todo';
  if (doc.status === 'failed') return isCancelled(doc) ? 'cut' : 'broken';
  return doc.control.paused ? 'held' : 'current';
}

function took(step, is, now) {
  if (!step || is === 'todo') return stepWords[is];
  if (step.endTime) return (is === 'done' ? '' : stepWords[is] + ' after ') + duration(parse(step.endTime) - parse(step.startTime));
  return stepWords[is] + ' for ' + whole((now - parse(step.startTime)) / 1000);
}

function renderMeter(doc) {
  const p = doc.progress;
  const percent = Math.floor(p.ratio * 100);
  text($('percent'), String(percent));
  attribute($('progress'), 'aria-valuenow', percent);
  attribute($('progress'), 'aria-valuetext', `${percent} %, ${number(doc.syncedResources)} of ${plural(doc.totalResources, 'resource')}`);
  width($('progress').firstElementChild, p.ratio);
}

function renderAmounts(doc) {
  const { objects, bytes: data } = doc.progress;
  text($('objects'), number(objects.synced));
  const about = objects.estimated ? 'about ' : '';
  text($('objects-sub'), doc.status === 'completed' ? 'checked in this run' : doc.status === 'not_started' ? 'none yet' : objects.total === null ? 'of a total that isn’t known yet' : `of ${about}${number(objects.total)}`);
  text($('data'), bytes(data.synced));
  text($('data-sub'), data.total === null ? 'written in this run' : 'of ' + bytes(data.total));
}

// renderPace shows how fast the run copies; once live, how much the cluster changes.
function renderPace(doc, now) {
  const observed = parse(doc.observedAt);
  objectPace.add(doc.runId, observed, doc.progress.objects.synced);
  bytePace.add(doc.runId, observed, doc.progress.bytes.synced);
  const events = doc.resourceStatus.reduce((n, r) => n + r.events.added + r.events.modified + r.events.deleted, 0);
  eventPace.add(doc.instance, Math.max(now, observed), events);
  const live = doc.status === 'completed';
  text($('pace-name'), live ? 'Changes' : 'Pace');
  if (live) {
    const rate = eventPace.perSecond(now);
    text($('pace'), Number.isFinite(rate) ? few(rate) + ' /s' : unknown);
    text($('pace-sub'), number(events) + ' seen by the watches');
  } else if (doc.state === 'running') {
    const rate = objectPace.perSecond(observed);
    text($('pace'), Number.isFinite(rate) ? few(rate) + ' /s' : unknown);
    text($('pace-sub'), Number.isFinite(rate) ? bytes(bytePace.perSecond(observed)) + '/s' : 'measuring');
  } else {
    text($('pace'), unknown);
    text($('pace-sub'), 'standing still');
  }
}

function renderTimes(doc, now) {
  if (doc.status === 'completed') {
    text($('eta-name'), 'Completed');
    text($('eta'), clock(parse(doc.endTime), now));
    text($('eta-sub'), ago(parse(doc.endTime), now));
  } else {
    text($('eta-name'), 'Time left');
    text($('eta'), doc.eta ? whole(doc.eta.seconds) : unknown);
    text($('eta-sub'), doc.eta ? estimateWords[doc.eta.confidence] + ', until ' + clock(parse(doc.eta.completesAt), now) : { running: 'can’t be told yet', pausing: 'standing still', paused: 'standing still' }[doc.state] || 'no run is going on');
  }
  const started = parse(doc.startTime);
  text($('took'), doc.durationMs !== null ? duration(doc.durationMs) : doc.startTime ? whole((now - started) / 1000) : unknown);
  const paused = doc.pausedSeconds >= 1 ? `, ${whole(doc.pausedSeconds)} of it paused` : '';
  text($('took-sub'), doc.startTime ? 'since ' + clock(started, now) + paused : 'no run yet');
}

let identity = '';

function renderIdentity(doc) {
  const facts = [
    ['Instance', doc.instance], ['Role', doc.role], ['Run', doc.runId],
    ['Trigger', triggers[doc.trigger] || doc.trigger], ['Attempt', doc.runId ? String(doc.retry.attempt + 1) : ''], ['Trace', doc.traceId, doc.traceUrl], ['Revision', String(doc.revision)],
  ].filter(([, value]) => value);
  const key = JSON.stringify(facts);
  if (key === identity) return;
  identity = key;
  $('identity').replaceChildren(...facts.map(([name, value, address]) => el('div', {}, el('dt', {}, name), el('dd', {}, link(address, value) || value))));
}


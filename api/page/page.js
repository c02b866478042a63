// The page: follows the state, and shows it. Reading order: document.js (what a
// message makes of the document), feed.js (how it gets here), words.js (what it
// means), overview.js, notices.js, resources.js, history.js (how it is shown),
// control.js (what can be done).

import { $, text, attribute, hide } from './dom.js';
import { clock, ago } from './format.js';
import { Feed } from './feed.js';
import { History } from './history.js';
import { Control } from './control.js';
import { tell, cellName, isNotWell } from './words.js';
import * as overview from './overview.js';
import * as notices from './notices.js';
import * as resources from './resources.js';

const api = new URL(document.documentElement.dataset.root + 'api/v1/', document.baseURI).href;
const leastBetween = 100; // milliseconds between two renderings

const feed = new Feed(api, schedule);
const control = new Control(api, () => feed.refresh(), () => history.follow(feed.doc, true));
const history = new History(api, () => control.headers());

overview.prepare();
resources.prepare((cell) => control.retry(cell), schedule);
$('history-token-button').addEventListener('click', () => control.askForToken('Past runs need a token.', null));

let planned = false;
let rendered = 0;

// schedule renders soon, however often it is called.
function schedule() {
  if (document.hidden) return feed.doc && overview.renderTab(feed.doc, feed.link === 'lost');
  if (planned) return;
  planned = true;
  setTimeout(() => requestAnimationFrame(render), Math.max(0, rendered + leastBetween - performance.now()));
}

function render() {
  planned = false;
  rendered = performance.now();
  renderLink();
  const doc = feed.doc;
  if (!doc) return;
  const lost = feed.link === 'lost';
  const now = lost ? feed.heardAt + (feed.now() - Date.now()) : feed.now(); // what is stale doesn't go on counting
  overview.render(doc, now);
  overview.renderTab(doc, lost);
  notices.render(doc, now);
  notices.renderLetters(doc, now);
  resources.render(doc, now);
  control.render(doc, !lost);
  announce(doc);
  if (!lost) history.follow(doc);
}

const linkWords = { connecting: ['idle', 'Connecting'], stream: ['ok', 'Live updates'], polling: ['ok', 'Updates by polling'], lost: ['bad', 'No connection'] };

function renderLink() {
  const [tone, words] = linkWords[feed.link];
  attribute($('link'), 'data-tone', tone);
  attribute($('link'), 'data-link', feed.link);
  text($('link-text'), words);
  const lost = feed.link === 'lost';
  attribute(document.documentElement, 'data-stale', lost && feed.doc ? '' : null);
  if (lost) {
    const now = Date.now();
    text($('lost-title'), feed.heardAt ? 'Connection lost since ' + clock(feed.heardAt, now) : 'Sidemirror doesn’t answer');
    text($('lost-text'), feed.heardAt ? 'What is shown is the state of that moment. It is tried again all the time.' : 'It is tried again all the time.');
    attribute($('lost'), 'title', feed.heardAt ? ago(feed.heardAt, now) : null);
    if (!feed.doc) {
      text($('headline'), 'No connection');
      text($('trust'), 'Nothing is known of the mirror.');
      document.title = 'No connection – Sidemirror';
    }
  }
  hide($('lost'), !lost);
}

let announced = null;

// announce tells screen readers of changes of the state, not of its numbers.
function announce(doc) {
  const told = tell(doc);
  const bad = doc.resourceStatus.filter(isNotWell).map(cellName).sort();
  const news = { headline: told.headline, trust: told.trust, bad, link: feed.link === 'lost' };
  const before = announced;
  announced = news;
  if (!before) return;
  const words = [];
  if (news.link !== before.link && !news.link) words.push('The connection is back.');
  if (news.headline !== before.headline) words.push(`${news.headline}. ${news.trust}`);
  const fresh = news.bad.filter((name) => !before.bad.includes(name));
  if (fresh.length > 0) words.push('Not well: ' + fresh.slice(0, 5).join(', ') + '.');
  const mended = before.bad.filter((name) => !news.bad.includes(name));
  if (mended.length > 0) words.push('Well again: ' + mended.slice(0, 5).join(', ') + '.');
  if (words.length > 0) text($('announcer'), words.join(' '));
}

// While nobody looks, only the title and the icon are kept right.
let ticks = 0;

function look() {
  clearInterval(ticks);
  if (document.hidden) return feed.hide();
  ticks = setInterval(schedule, 1000); // ages and countdowns
  feed.show();
  schedule();
}

document.addEventListener('visibilitychange', look);
window.addEventListener('online', () => feed.refresh());
look();

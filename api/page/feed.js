// How the newest document gets here: a stream of events if it can be had, polling
// if not. While neither answers, the connection is lost.

import { apply } from './document.js';

const pollEvery = 1500;
const pollHidden = 30_000; // only for the title and the icon
const pollLost = [500, 1000, 2000, 4000];
const quietFor = 20_000; // a stream that told nothing for so long is asked about
const reopenAfter = 15_000; // a stream that was refused
const reopenSoon = 1000; // one that was there
const answerWithin = 8000;

export class Feed {
  doc = null;
  link = 'connecting'; // stream, polling, lost
  heardAt = 0; // by this machine's clock
  #status;
  #events;
  #changed;
  #skew = 0; // of the server's clock
  #etag = null;
  #source = null;
  #streaming = false; // the source has sent a document, and hasn't broken since
  #failures = 0;
  #timer = 0;
  #reopenAt = 0;
  #hidden = false;
  #polling = null; // of the request that is under way

  // changed is called after anything of the above is another.
  constructor(api, changed) {
    this.#status = api + 'sync/status';
    this.#events = api + 'sync/events';
    this.#changed = changed;
  }

  // now is the time by the server's clock, by which the document tells times.
  now() {
    return Date.now() + this.#skew;
  }

  // show follows the state closely; hide stops that, as nobody looks.
  show() {
    this.#hidden = false;
    this.#reopenAt = 0;
    this.refresh();
  }

  hide() {
    this.#hidden = true;
    this.#close();
    this.#plan();
  }

  // refresh asks at once.
  refresh() {
    clearTimeout(this.#timer);
    this.#poll();
  }

  #plan() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turn(), this.#pause());
  }

  #pause() {
    if (this.#hidden) return pollHidden;
    if (this.#failures > 0) return pollLost[Math.min(this.#failures, pollLost.length) - 1];
    return this.#streaming ? quietFor / 4 : pollEvery;
  }

  #turn() {
    if (this.#streaming && Date.now() - this.heardAt < quietFor) this.#plan();
    else this.#poll();
  }

  async #poll() {
    this.#polling?.abort();
    const aborted = (this.#polling = new AbortController());
    const asked = Date.now();
    const timeout = setTimeout(() => aborted.abort(), answerWithin);
    try {
      const headers = this.#etag ? { 'If-None-Match': this.#etag } : {};
      const response = await fetch(this.#status, { headers, cache: 'no-store', signal: aborted.signal });
      const doc = response.status === 304 ? null : await documentOf(response);
      if (aborted !== this.#polling) return;
      this.#clock(response, asked);
      this.#answered(response, doc, asked);
    } catch {
      if (aborted !== this.#polling) return;
      this.#failed();
    } finally {
      clearTimeout(timeout);
      if (aborted === this.#polling) this.#plan();
    }
  }

  // #answered takes a polled document in, unless the stream has told more since.
  #answered(response, doc, asked) {
    if (this.#streaming && this.heardAt < asked && doc && doc.revision !== this.doc?.revision) this.#close(); // it has stalled
    if (!this.#streaming) {
      if (doc) this.doc = doc;
      this.link = 'polling';
    }
    if (doc && doc.revision === this.doc.revision) this.#etag = response.headers.get('ETag');
    this.#heard();
    if (!this.#hidden) this.#open();
  }

  #heard() {
    this.heardAt = Date.now();
    this.#failures = 0;
    this.#changed();
  }

  #failed() {
    this.#failures++;
    if (this.#failures < 2) return;
    this.#close();
    this.#reopenAt = 0;
    if (this.link !== 'lost') {
      this.link = 'lost';
      this.#changed();
    }
  }

  // #clock learns how far the clocks are apart. The header has whole seconds, so
  // that less than two are nothing.
  #clock(response, asked) {
    const date = Date.parse(response.headers.get('Date'));
    if (!Number.isFinite(date)) return;
    const skew = date + 500 - (asked + Date.now()) / 2;
    this.#skew = Math.abs(skew) < 2000 ? 0 : skew;
  }

  #open() {
    if (this.#source || Date.now() < this.#reopenAt) return;
    const source = (this.#source = new EventSource(this.#events));
    for (const type of ['snapshot', 'change', 'reset']) {
      source.addEventListener(type, (event) => source === this.#source && this.#message(event.data));
    }
    source.addEventListener('end', () => source === this.#source && this.#broke(true));
    source.addEventListener('error', () => source === this.#source && this.#broke(source.readyState === EventSource.CLOSED));
  }

  #message(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.#broke(true);
    }
    if (message.type === 'reset') return; // a snapshot follows
    const doc = apply(this.doc, message);
    if (!doc) return this.#broke(true);
    this.doc = doc;
    this.#etag = null;
    if (!this.#streaming) {
      this.#streaming = true;
      this.link = 'stream';
      this.#polling?.abort();
      this.#polling = null;
      this.#plan();
    }
    this.#heard();
  }

  // #broke polls from now on. A source that isn't closed comes back by itself.
  #broke(closed) {
    const streamed = this.#streaming;
    this.#streaming = false;
    if (closed) {
      this.#close();
      this.#reopenAt = Date.now() + (streamed ? reopenSoon : reopenAfter);
    }
    if (streamed) this.refresh();
  }

  #close() {
    this.#source?.close();
    this.#source = null;
    this.#streaming = false;
  }
}

async function documentOf(response) {
  if (!response.ok) throw new Error('HTTP ' + response.status);
  const doc = await response.json();
  if (!Array.isArray(doc?.resourceStatus)) throw new Error('not a status document');
  return doc;
}

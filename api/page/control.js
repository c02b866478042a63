// What may be asked of the mirror: one button for each action that is allowed now.

import { $, el, text, hide } from './dom.js';
import { actionWords } from './words.js';

const maxReasonBytes = 256;
const order = ['resume', 'retry', 'start', 'pause', 'cancel'];

const questions = {
  pause: { title: 'Pause the mirror?', text: 'What was accepted is written, then the mirror stands still, also across restarts, until it is resumed.', go: 'Pause' },
  cancel: { title: 'Cancel the run?', text: 'The mirror stays as it is, and doesn’t follow the cluster until another run is started.', go: 'Cancel the run' },
};

export class Control {
  #url;
  #refresh;
  #tokenChanged;
  #token = '';
  #buttons = new Map();
  #busy = ''; // the action that is under way
  #seen = 0; // the first revision that shows it
  #again = null; // what to do once there is a token
  #opener = null; // what had the focus before the dialog
  #held = null; // the button that had the focus before it was put out of use

  // refresh asks for the newest state; tokenChanged is called with a token that is new.
  constructor(api, refresh, tokenChanged) {
    this.#url = api + 'sync/';
    this.#refresh = refresh;
    this.#tokenChanged = tokenChanged;
    for (const action of order) this.#addButton(action);
    $('answer-close').addEventListener('click', () => this.#say(''));
    $('answer').addEventListener('keydown', (event) => event.key === 'Escape' && this.#say(''));
    $('token-form').addEventListener('submit', (event) => this.#useToken(event));
    $('dialog-close').addEventListener('click', () => $('dialog').close());
    $('dialog').addEventListener('close', () => this.#opener?.focus());
    $('reason').addEventListener('input', () => hide($('dialog-problem'), true));
  }

  headers() {
    return this.#token ? { Authorization: 'Bearer ' + this.#token } : {};
  }

  // render shows what is allowed. A button that goes hands its focus on.
  render(doc, reachable) {
    if (this.#busy && this.#seen && doc.revision >= this.#seen) this.#done();
    const focused = document.activeElement;
    for (const [action, button] of this.#buttons) {
      hide(button, !doc.allowedActions.includes(action));
      button.disabled = !reachable || this.#busy !== '';
    }
    if (focused?.hidden && $('actions').contains(focused)) this.#held = focused;
    if (!this.#busy && this.#held) this.#giveFocusBack();
  }

  // #giveFocusBack does so unless the focus has gone elsewhere meanwhile.
  #giveFocusBack() {
    const at = document.activeElement;
    const usable = (b) => !b.hidden && !b.disabled;
    if (at === document.body || at === this.#held) {
      (usable(this.#held) ? this.#held : [...this.#buttons.values()].find(usable) || $('headline')).focus();
    }
    this.#held = null;
  }

  // retry doesn't wait for the next attempt of one cell.
  retry(cell) {
    const body = { resources: [cell.name] };
    if (cell.namespace) body.namespaces = [cell.namespace];
    this.#send('retry', body);
  }

  // askForToken shows the field; then is called once there is one.
  askForToken(why, then) {
    this.#again = then;
    this.#say(why, true);
  }

  #addButton(action) {
    const button = el('button', { type: 'button', 'data-action': action }, actionWords[action]);
    button.hidden = true;
    button.addEventListener('click', () => (questions[action] ? this.#ask(action) : this.#send(action, {})));
    this.#buttons.set(action, button);
    $('actions').append(button);
  }

  #ask(action) {
    const q = questions[action];
    this.#opener = document.activeElement;
    text($('dialog-title'), q.title);
    text($('dialog-text'), q.text);
    text($('dialog-go'), q.go);
    $('reason').value = '';
    hide($('dialog-problem'), true);
    $('dialog-form').onsubmit = (event) => {
      event.preventDefault();
      const reason = $('reason').value.trim();
      const size = new TextEncoder().encode(reason).length;
      if (size > maxReasonBytes) {
        text($('dialog-problem'), `The reason has ${size} bytes, and ${maxReasonBytes} at most are kept: shorten it.`);
        return hide($('dialog-problem'), false);
      }
      $('dialog').close();
      this.#send(action, reason ? { reason } : {});
    };
    $('dialog').showModal();
    $('reason').focus();
  }

  async #send(action, body) {
    if (this.#busy) return;
    this.#say('');
    this.#begin(action);
    try {
      const response = await fetch(this.#url + action, {
        method: 'POST', headers: { 'Content-Type': 'application/json', ...this.headers() }, body: JSON.stringify(body), cache: 'no-store',
      });
      const answer = await response.json().catch(() => ({}));
      if (response.ok) {
        this.#seen = answer.revision || 1;
        setTimeout(() => this.#done(action), 3000); // whatever happens to the revision
      } else {
        this.#done();
        this.#refused(response.status, answer, () => this.#send(action, body));
      }
    } catch {
      this.#done();
      this.#say('Sidemirror doesn’t answer: nothing is known to have changed.');
    }
    this.#refresh();
  }

  #begin(action) {
    this.#busy = action;
    this.#seen = 0;
    this.#held = this.#buttons.get(action);
    for (const button of this.#buttons.values()) button.disabled = true;
    this.#buttons.get(action).setAttribute('aria-busy', 'true');
  }

  #done(action = this.#busy) {
    if (!this.#busy || action !== this.#busy) return;
    this.#buttons.get(this.#busy).removeAttribute('aria-busy');
    this.#busy = '';
    for (const button of this.#buttons.values()) button.disabled = false;
  }

  #refused(status, answer, again) {
    const detail = answer.detail || answer.title || 'The answer is ' + status + '.';
    const needsToken = status === 401 || (status === 403 && !/\bhost\b|origin/i.test(detail));
    this.#again = needsToken ? again : null;
    this.#say(needsToken ? `Control needs a token${this.#token ? ', and this one isn’t enough' : ''}: ${detail}` : detail, needsToken);
  }

  // #say shows an answer that isn't the state; "" takes it away.
  #say(words, withToken = false) {
    const inside = $('answer').contains(document.activeElement);
    hide($('answer'), words === '');
    text($('answer-text'), words);
    hide($('token-form'), !withToken);
    if (withToken) {
      $('token').value = '';
      $('token').focus();
    } else if (inside) {
      $('headline').focus();
    }
  }

  #useToken(event) {
    event.preventDefault();
    this.#token = $('token').value.trim();
    $('token').value = '';
    const again = this.#again;
    this.#say('');
    this.#tokenChanged();
    again?.();
  }
}

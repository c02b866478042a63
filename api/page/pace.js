// The rate of a counter, from samples of it over the last seconds.

const span = 10_000;

export class Pace {
  #key = '';
  #samples = [];

  // add takes a counter's value at a time, in milliseconds. Another key, or a
  // value below the one before, is another counter.
  add(key, time, value) {
    const last = this.#samples.at(-1);
    if (key !== this.#key || (last && value < last.value)) {
      this.#key = key;
      this.#samples = [];
    } else if (last && time <= last.time) {
      last.value = value;
      return;
    }
    this.#samples.push({ time, value });
    while (this.#samples.length > 2 && this.#samples[1].time <= time - span) this.#samples.shift();
  }

  // perSecond is NaN while nobody can tell.
  perSecond(now) {
    const last = this.#samples.at(-1);
    const from = Math.max(now, last?.time || 0) - span;
    const first = this.#samples.findLast((s) => s.time <= from) || this.#samples[0];
    if (!first) return NaN;
    const seconds = Math.min(span, Math.max(now, last.time) - first.time) / 1000;
    return seconds < 0.9 ? NaN : (last.value - first.value) / seconds;
  }

  clear() {
    this.#samples = [];
  }
}

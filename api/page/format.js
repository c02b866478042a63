// Numbers and times for people. What isn't known is a dash, never a zero.

export const unknown = '–';

const grouped = new Intl.NumberFormat('en');
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export const number = (n) => (Number.isFinite(n) ? grouped.format(n) : unknown);

// few keeps two digits that mean something.
export function few(n) {
  if (!Number.isFinite(n)) return unknown;
  return n >= 10 ? grouped.format(Math.round(n)) : n.toFixed(1);
}

export function bytes(n) {
  if (!Number.isFinite(n)) return unknown;
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return (unit === 0 ? String(Math.round(n)) : n.toFixed(n < 100 ? 1 : 0)) + ' ' + units[unit];
}

const two = (n) => String(n).padStart(2, '0');

// duration of milliseconds, in at most two units.
export function duration(ms) {
  if (!Number.isFinite(ms)) return unknown;
  if (ms < 1000) return Math.max(0, Math.round(ms)) + ' ms';
  if (ms < 10_000) return (ms / 1000).toFixed(1) + ' s';
  return whole(Math.round(ms / 1000));
}

// whole is a duration in whole seconds.
export function whole(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return s + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min ' + two(s % 60) + ' s';
  if (s < 86_400) return Math.floor(s / 3600) + ' h ' + two(Math.floor((s % 3600) / 60)) + ' min';
  return Math.floor(s / 86_400) + ' d ' + Math.floor((s % 86_400) / 3600) + ' h';
}

// parse returns milliseconds, or NaN for what is no time.
export const parse = (text) => (text ? Date.parse(text) : NaN);

export function ago(then, now) {
  if (!Number.isFinite(then)) return unknown;
  const s = (now - then) / 1000;
  if (s < 1.5) return 'just now';
  if (s < 60) return Math.round(s) + ' s ago';
  if (s < 3600) return Math.floor(s / 60) + ' min ago';
  if (s < 86_400) return Math.floor(s / 3600) + ' h ago';
  return Math.floor(s / 86_400) + ' d ago';
}

// until counts down to a time.
export function until(then, now) {
  const s = Math.ceil((then - now) / 1000);
  return s <= 0 ? 'now' : 'in ' + whole(s);
}

// clock is the time of day, with the date if it isn't today's.
export function clock(then, now) {
  if (!Number.isFinite(then)) return unknown;
  const t = new Date(then);
  const time = two(t.getHours()) + ':' + two(t.getMinutes()) + ':' + two(t.getSeconds());
  if (new Date(now).toDateString() === t.toDateString()) return time;
  return t.getFullYear() + '-' + two(t.getMonth() + 1) + '-' + two(t.getDate()) + ' ' + time;
}

export const plural = (n, one, many) => number(n) + ' ' + (n === 1 ? one : many || one + 's');

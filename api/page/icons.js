// One shape for each tone: colour is never the only difference.

import { svg } from './dom.js';

const shapes = {
  ok: 'M3.5 8.5l3 3 6-7',
  busy: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5',
  warn: 'M8 2.5l6 11H2zM8 6.5v3M8 11.4v.2',
  bad: 'M4 4l8 8M12 4l-8 8',
  paused: 'M5.5 3.5v9M10.5 3.5v9',
  idle: 'M8 4.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7',
};

export function icon(tone) {
  return svg('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: shapes[tone] || shapes.idle }));
}

// setIcon replaces the icon in node when its tone changes.
export function setIcon(node, tone) {
  if (node.dataset.icon === tone) return;
  node.dataset.icon = tone;
  node.replaceChildren(icon(tone));
}

const tints = { ok: '#1c8a55', busy: '#2a6fd0', warn: '#b36b00', bad: '#c8362f', paused: '#7355bd', idle: '#75807b' };

// favicon is an address of the page's icon: the tone's shape, and while a run is
// under way a ring of its progress.
export function favicon(tone, ratio) {
  const around = 2 * Math.PI * 13;
  const ring = ratio === null ? '' : `<circle cx="16" cy="16" r="13" fill="none" stroke="#fff" stroke-width="4" ` +
    `stroke-dasharray="${(around * ratio).toFixed(1)} ${around.toFixed(1)}" transform="rotate(-90 16 16)"/>`;
  const mark = ratio === null
    ? `<path d="${shapes[tone] || shapes.idle}" transform="translate(6 6) scale(1.25)" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/>`
    : '';
  return 'data:image/svg+xml,' + encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="${tints[tone] || tints.idle}"/>${ring}${mark}</svg>`);
}

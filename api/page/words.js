// What the state means, in a headline and a sentence on how far the mirror can be
// trusted.

import { plural, number, few } from './format.js';

const notWell = new Set(['failed', 'forbidden', 'not_found']);
export const isNotWell = (r) => notWell.has(r.status);

// cellName is how a cell is called where there is no room for two lines.
export const cellName = (r) => (r.namespace ? r.name + ' in ' + r.namespace : r.name);

// tell returns {tone, headline, trust} of a document.
export function tell(doc) {
  switch (doc.state) {
    case 'running':
      return { tone: 'busy', headline: runningHeadline(doc), trust: standing(doc) };
    case 'pausing':
      return { tone: 'paused', headline: 'Pausing', trust: 'What is under way is still written; then the mirror stands still.' };
    case 'paused':
      return { tone: 'paused', headline: 'Paused', trust: 'The mirror stands still: changes in the cluster don’t arrive until it is resumed.' };
    case 'cancelling':
      return { tone: 'warn', headline: 'Cancelling', trust: 'What is under way is still written.' };
    case 'retrying':
      return { tone: 'bad', headline: 'Run failed', trust: doc.initialSyncCompleted ? 'The mirror from before stays readable, and doesn’t follow the cluster until a run succeeds.' : standing(doc) };
    case 'stopped':
      return { tone: 'idle', headline: 'Stopped', trust: 'The process has ended its work: the mirror no longer follows the cluster.' };
    case 'live':
      return live(doc);
    default:
      return idle(doc);
  }
}

function runningHeadline(doc) {
  switch (doc.step) {
    case 'cleanup':
      return 'Preparing the store';
    case 'sync':
      return doc.initialSyncCompleted ? 'Comparing with the cluster' : 'Copying the cluster';
    case 'informer':
      return 'Connecting the watches';
    default:
      return 'Starting';
  }
}

// standing is what the mirror is worth while a run isn't completed.
function standing(doc) {
  if (doc.initialSyncCompleted) return 'The mirror from before stays readable; it is brought up to date by this run.';
  return 'The mirror isn’t whole until the first run is completed: what it lacks may well exist.';
}

// isCancelled: a run that failed otherwise is tried again.
export const isCancelled = (doc) => doc.status === 'failed' && doc.state === 'idle';

// isHalted: there is no run, nor what comes after one, that would move the cells.
const isHalted = (doc) => doc.state === 'retrying' || doc.state === 'stopped' || isCancelled(doc);

function idle(doc) {
  if (isCancelled(doc)) {
    return { tone: 'idle', headline: 'Cancelled', trust: 'The mirror stays as it is, and doesn’t follow the cluster, until another run is started.' };
  }
  return { tone: 'idle', headline: 'Not started', trust: 'Nothing has been mirrored by this process yet; its first run is about to begin.' };
}

function live(doc) {
  const bad = doc.resourceStatus.filter(isNotWell);
  const connected = doc.resourceStatus.filter((r) => !isNotWell(r) && r.watch.state === 'connected').length;
  const total = doc.totalResources;
  if (bad.length > 0) {
    const names = bad.slice(0, 3).map(cellName).join(', ') + (bad.length > 3 ? ' and ' + number(bad.length - 3) + ' more' : '');
    return { tone: 'warn', headline: 'Live, in part', trust: `${number(connected)} of ${plural(total, 'resource')} follow the cluster. Not mirrored, or no longer followed: ${names}.` };
  }
  if (connected < total) {
    return { tone: 'warn', headline: 'Live, catching up', trust: `${number(connected)} of ${plural(total, 'watch', 'watches')} are connected; the others are being connected again.` };
  }
  if (total === 0) return { tone: 'ok', headline: 'Live', trust: 'Nothing of what is configured is served by the cluster.' };
  return { tone: 'ok', headline: 'Live', trust: (total === 1 ? 'The one resource follows' : `All ${number(total)} resources follow`) + ` the cluster${behind(doc)}.` };
}

function behind(doc) {
  const lags = doc.resourceStatus.map((r) => r.watch.lagSeconds);
  if (lags.includes(null)) return '; how far some are behind isn’t known right now';
  const most = Math.max(...lags);
  return most < 0.05 ? ', and nothing waits to be written' : `, at most ${few(most)} s behind`;
}

// tellCell returns {tone, word, rank} of one cell; the lower the rank, the more it
// needs attention.
export function tellCell(r, doc) {
  switch (r.status) {
    case 'forbidden':
      return { tone: 'bad', word: 'Forbidden', rank: 0 };
    case 'not_found':
      return { tone: 'bad', word: 'Not served', rank: 0 };
    case 'failed':
      return { tone: 'bad', word: 'Failed', rank: 0 };
  }
  if (isHalted(doc)) return { tone: 'idle', word: { completed: 'Not followed', in_progress: 'Interrupted' }[r.status] || 'Not begun', rank: 2 };
  switch (r.phase) {
    case 'retrying':
      return { tone: 'warn', word: 'Retrying', rank: 1 };
    case 'paused':
      return { tone: 'paused', word: 'Paused', rank: 2 };
    case 'listing':
      return { tone: 'busy', word: r.status === 'completed' ? 'Resyncing' : 'Listing', rank: 2 };
    case 'catching_up':
      return { tone: 'busy', word: 'Catching up', rank: 2 };
    case 'pending':
      return { tone: 'idle', word: 'Waiting', rank: 2 };
    case 'synced':
      return { tone: 'ok', word: 'Synced', rank: 2 };
  }
  return r.watch.state === 'connected' ? { tone: 'ok', word: 'Live', rank: 2 } : { tone: 'warn', word: 'Reconnecting', rank: 1 };
}

export const triggers = { startup: 'startup', retry: 'retry', manual: 'by hand' };
export const actionWords = { start: 'Start a run', pause: 'Pause', resume: 'Resume', cancel: 'Cancel the run', retry: 'Retry now' };
export const outcomes = {
  completed: { tone: 'ok', word: 'Completed' },
  partial: { tone: 'warn', word: 'In part' },
  failed: { tone: 'bad', word: 'Failed' },
  cancelled: { tone: 'idle', word: 'Cancelled' },
};

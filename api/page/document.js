// The status document, and what the messages of a stream make of it.

const keyOf = (r) => r.name + '/' + (r.namespace || '');

// keyed names an entry of resourceStatus.
export { keyOf };

// apply returns the document after a message, or null when the message can't be
// applied to doc: then a snapshot is needed.
export function apply(doc, message) {
  switch (message.type) {
    case 'snapshot':
      return message.status || null;
    case 'change':
      return doc && doc.revision === message.since ? changed(doc, message) : null;
    default:
      return doc;
  }
}

// changed leaves doc as it is, and shares with it the entries that didn't change.
function changed(doc, message) {
  const removed = new Set((message.removed || []).map(keyOf));
  const news = new Map((message.resources || []).map((r) => [keyOf(r), r]));
  const resources = [];
  for (const r of doc.resourceStatus) {
    const key = keyOf(r);
    if (removed.has(key)) continue;
    resources.push(news.get(key) || r);
    news.delete(key);
  }
  resources.push(...news.values());
  return { ...doc, ...message.status, revision: message.revision, resourceStatus: resources };
}

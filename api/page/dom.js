// The little that is needed of the DOM. Values become text nodes and attributes:
// nothing here makes markup of a string.

export const $ = (id) => document.getElementById(id);

// What would turn around or hide the text beside it: controls of direction, and
// controls that aren't white space.
const deceptive = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

// plain is a text from outside as it is shown.
export const plain = (value) => String(value).replace(deceptive, '\ufffd');

// el makes an element with attributes and children; strings become text.
export function el(tag, attributes, ...children) {
  return made(document.createElement(tag), attributes, children);
}

const svgNamespace = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes, ...children) {
  return made(document.createElementNS(svgNamespace, tag), attributes, children);
}

function made(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children.map((child) => (typeof child === 'string' ? plain(child) : child)));
  return node;
}

// The setters write only what is another than before, so that rendering again
// costs nothing, and neither selections nor screen readers are disturbed.

export function text(node, value) {
  const shown = plain(value);
  if (node.textContent !== shown) node.textContent = shown;
}

export function attribute(node, name, value) {
  if (value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

export function hide(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

// width goes through the CSSOM, which the policy allows where it refuses style="".
export function width(node, ratio) {
  const value = (Math.min(1, Math.max(0, ratio)) * 100).toFixed(2) + '%';
  if (node.style.width !== value) node.style.width = value;
}

// link is an anchor to a page outside of this one, "" where the address isn't one of
// the web: whatever else a browser would follow, such as javascript:, isn't made.
export function link(address, words) {
  return /^https?:\/\/[^\s]+$/i.test(address || '') ? el('a', { href: address, rel: 'noopener noreferrer', target: '_blank' }, words) : '';
}

// arrange makes nodes the children of parent after the first `from` ones, in that
// order, and moves only what isn't where it should be.
export function arrange(parent, nodes, from = 0) {
  let at = parent.children[from] || null;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  while (at) {
    const next = at.nextElementSibling;
    at.remove();
    at = next;
  }
}

// The little that is needed of the DOM. Values become text nodes and attributes:
// nothing here makes markup of a string.

export const $ = (id) => document.getElementById(id);

// el makes an element with attributes and children; strings become text.
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  attributesOf(node, attributes);
  node.append(...children);
  return node;
}

const svgNamespace = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(svgNamespace, tag);
  attributesOf(node, attributes);
  node.append(...children);
  return node;
}

function attributesOf(node, attributes) {
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
}

// The setters write only what is another than before, so that rendering again
// costs nothing, and neither selections nor screen readers are disturbed.

export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
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

// Makes one element equal to another while keeping what a person does in it: focus, typed text,
// chosen boxes, open details and popovers, scroll, and everything below [data-keep].

export function morph(from, to) {
  if (from.isEqualNode(to)) return;
  if (isKept(from, to)) return;
  attributes(from, to);
  children(from, to);
}

function isKept(from, to) {
  if (from.hasAttribute("data-keep") && to.hasAttribute("data-keep")) return true;
  return from.hasAttribute("popover") && from.matches(":popover-open");
}

function attributes(from, to) {
  const isOpenDetails = from.tagName === "DETAILS";
  for (const { name, value } of [...to.attributes]) {
    if (isOpenDetails && name === "open") continue;
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (isOpenDetails && name === "open") continue;
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
}

function children(from, to) {
  const byId = new Map();
  for (const child of from.children) if (child.id) byId.set(child.id, child);
  const wanted = new Set([...to.children].map((child) => child.id).filter(Boolean));
  let old = from.firstChild;
  for (const next of [...to.childNodes]) {
    // An element that is needed further down must not be used up as something else.
    while (old && old.id && !wanted.has(old.id) && byId.has(old.id)) old = removed(old);
    const match = partner(old, next, byId);
    if (!match) {
      from.insertBefore(next.cloneNode(true), old);
    } else {
      if (match === old) old = old.nextSibling;
      else from.insertBefore(match, old);
      if (next.nodeType === Node.ELEMENT_NODE) morph(match, next);
      else if (match.data !== next.data) match.data = next.data;
    }
  }
  while (old) old = removed(old);
}

function partner(old, next, byId) {
  if (next.id && byId.has(next.id)) {
    const same = byId.get(next.id);
    return same.tagName === next.tagName ? same : null;
  }
  if (!old || old.nodeType !== next.nodeType) return null;
  if (next.nodeType !== Node.ELEMENT_NODE) return old;
  return old.tagName === next.tagName && !old.id && !next.id ? old : null;
}

function removed(node) {
  const after = node.nextSibling;
  node.remove();
  return after;
}

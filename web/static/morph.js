// Makes one element equal to another while keeping what a person does in it: focus, typed text,
// chosen boxes, open details and popovers, scroll, and everything below [data-keep].

// A form's `id` property is its field of that name, if it has one; the attribute is always the id.
const idOf = (node) => node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("id") ?? "" : "";

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
  for (const child of from.children) if (idOf(child)) byId.set(idOf(child), child);
  const wanted = new Set([...to.children].map(idOf).filter(Boolean));
  let old = from.firstChild;
  for (const next of [...to.childNodes]) {
    // An element that is needed further down must not be used up as something else.
    while (old && idOf(old) && !wanted.has(idOf(old))) old = removed(old);
    const match = partner(old, next, byId);
    if (!match) {
      from.insertBefore(next.cloneNode(true), old);
    } else {
      old = upTo(match, old, wanted);
      if (match === old) old = old.nextSibling;
      else from.insertBefore(match, old);
      if (next.nodeType === Node.ELEMENT_NODE) morph(match, next);
      else if (match.data !== next.data) match.data = next.data;
    }
  }
  while (old) old = removed(old);
}

function partner(old, next, byId) {
  const id = idOf(next);
  if (id && byId.has(id)) {
    const same = byId.get(id);
    return same.tagName === next.tagName ? same : null;
  }
  if (next.nodeType !== Node.ELEMENT_NODE) return old?.nodeType === next.nodeType ? old : null;
  if (id) return null;
  // The next one that looks the same; what was skipped is used later or removed at the end. So a
  // banner that appears or goes does not cost its neighbours their state.
  let first = null;
  for (let each = old; each; each = each.nextSibling) {
    if (each.tagName !== next.tagName || idOf(each)) continue;
    if (each.className === next.className) return each;
    first ??= each;
  }
  return first;
}

// Removes what lies between and is not needed, rather than moving the match over it: an element
// that is moved loses its focus, and a popover closes.
function upTo(match, old, wanted) {
  if (!old || !(old.compareDocumentPosition(match) & Node.DOCUMENT_POSITION_FOLLOWING)) return old;
  let kept = null;
  while (old !== match) {
    if (wanted.has(idOf(old))) { kept ??= old; old = old.nextSibling; }
    else old = removed(old);
  }
  return kept ?? match;
}

function removed(node) {
  const after = node.nextSibling;
  node.remove();
  return after;
}

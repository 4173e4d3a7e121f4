// Follows the server: one event stream per page says which topics changed, and the page then asks
// for itself again (as a fragment, mostly answered by 304) and is morphed in place.
import { morph } from "./morph.js";

const AT_MOST_EVERY_MS = 300, AGAIN_MS = 3000;
let etag = "", due = 0, isAsking = false, isStale = false, source = null;

const main = () => document.getElementById("main");

export function follow() {
  const topics = main()?.dataset.live;
  if (!topics) return;
  const open = () => {
    if (source) return;
    source = new EventSource(`/live?topics=${encodeURIComponent(topics)}`);
    // What happened before the stream was open is caught up by asking once.
    source.addEventListener("open", () => { said(true); soon(); });
    source.addEventListener("changed", soon);
    source.addEventListener("error", () => {
      said(false);
      if (source.readyState === EventSource.CLOSED) { close(); setTimeout(whenVisible, 3000); }
    });
  };
  const close = () => { source?.close(); source = null; };
  const whenVisible = () => { document.hidden ? close() : open(); };
  document.addEventListener("visibilitychange", whenVisible);
  addEventListener("pagehide", close);
  addEventListener("pageshow", whenVisible);
  whenVisible();
}

function soon() {
  isStale = true;
  if (isAsking || due) return;
  due = setTimeout(ask, AT_MOST_EVERY_MS);
}

async function ask() {
  due = 0; isAsking = true; isStale = false;
  try {
    const headers = { "X-Tepui-Fragment": "1" };
    if (etag) headers["If-None-Match"] = etag;
    const response = await fetch(location.href, { headers, cache: "no-store" });
    if (response.status !== 304) {
      etag = response.headers.get("ETag") ?? "";
      swap(await response.text());
    }
  } catch {
    said(false);
  } finally {
    isAsking = false;
    if (isStale) soon();
    else againIfIncomplete();
  }
}

// A part that was down only between two looks of the server makes no event; so a page on which
// something is missing asks by itself until nothing is.
function againIfIncomplete() {
  if (document.hidden || due || !document.getElementById("problems")) return;
  due = setTimeout(ask, AGAIN_MS);
}

function swap(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("main");
  if (!fresh) return;
  morph(main(), fresh);
  document.dispatchEvent(new Event("tepui:swapped"));
}

function said(isLive) {
  const note = document.getElementById("live-state");
  if (!note) return;
  note.hidden = false;
  note.classList.toggle("off", !isLive);
  const text = isLive ? "Live" : "Reconnecting…";
  if (note.textContent !== text) note.textContent = text;
}

// Follows one log: asks from the offset it has, filters, wraps. Text only, never HTML.
const log = document.getElementById("log");
const note = document.getElementById("log-note");
const EVERY_MS = 1000, SLOW_MS = 3000, LINES_MAX = 10000;
let lines = [], rest = "", offset = -1, whole = "", isQuick = true;

const follows = () => document.getElementById("log-follow").checked;

function pattern() {
  const asked = document.getElementById("log-filter").value;
  const regex = /^\/(.+)\/(i?)$/.exec(asked);
  if (!regex) return asked ? (line) => line.toLowerCase().includes(asked.toLowerCase()) : null;
  try {
    const test = new RegExp(regex[1], regex[2]);
    return (line) => test.test(line);
  } catch {
    said("This pattern is not finished.");
    return null;
  }
}

function element(line) {
  const row = document.createElement("span");
  row.textContent = line + "\n";
  if (/\b(error|fatal|critical|traceback|panic)\b/i.test(line)) row.className = "error";
  else if (/\bwarn(ing)?\b/i.test(line)) row.className = "warning";
  return row;
}

function shown() {
  const keep = pattern();
  const all = rest ? [...lines, rest] : lines;
  return keep ? all.filter(keep) : all;
}

function draw() {
  const all = shown();
  log.replaceChildren(...all.map(element));
  if (follows()) log.scrollTop = log.scrollHeight;
  if (pattern()) said(`${all.length.toLocaleString("en")} of ${lines.length.toLocaleString("en")} lines`);
  else if (!lines.length && !rest) said("Nothing has been written yet.");
  else said("");
}

function add(data) {
  if (!data) return;
  const before = lines.length;
  const parts = (rest + data).split("\n");
  rest = parts.pop();
  lines.push(...parts);
  if (lines.length > LINES_MAX) lines = lines.slice(-LINES_MAX);
  if (before === 0 || pattern() || lines.length >= LINES_MAX || rest) return draw();
  log.append(...parts.map(element));
  if (follows()) log.scrollTop = log.scrollHeight;
  said("");
}

function said(message) {
  if (note.textContent !== message) note.textContent = message;
}

async function read() {
  if (log.dataset.textSource) return readWhole();
  const url = new URL(log.dataset.source, location.href);
  if (offset >= 0) url.searchParams.set("offset", offset);
  const response = await fetch(url, { cache: "no-store" });
  if (response.status === 404) return lines.length ? said("The file is gone.") : said("Nothing has been written yet.");
  if (!response.ok) return said("The agent does not answer; trying again.");
  const piece = await response.json();
  if (offset < 0 && piece.offset > 0) add(`… the last ${Math.round((piece.next - piece.offset) / 1024)} KiB of ${Math.round(piece.size / 1024)} KiB; the download has all\n`);
  isQuick = piece.data.length > 0;
  offset = piece.next;
  add(piece.data);
  if (!lines.length && !rest) said("Nothing has been written yet.");
}

async function readWhole() {
  const response = await fetch(log.dataset.textSource, { cache: "no-store" });
  if (!response.ok) return said("There is no log of this run (yet).");
  const text = await response.text();
  if (text === whole) { isQuick = false; if (!text) said("Nothing has been written."); return; }
  isQuick = true;
  const isLonger = text.startsWith(whole);
  if (!isLonger) { lines = []; rest = ""; }
  add(isLonger ? text.slice(whole.length) : text);
  whole = text;
}

async function run() {
  if (!document.hidden && follows() || (offset < 0 && !whole)) {
    try { await read(); } catch { said("The dashboard does not answer; trying again."); }
  }
  setTimeout(run, isQuick ? EVERY_MS : SLOW_MS / 2);
}

if (log) {
  document.getElementById("log-filter").addEventListener("input", draw);
  document.getElementById("log-wrap").addEventListener("change", (event) => log.classList.toggle("wrapped", event.target.checked));
  log.addEventListener("wheel", (event) => { if (event.deltaY < 0) document.getElementById("log-follow").checked = false; }, { passive: true });
  run();
}

// Keeps "5 min ago" true while a page stays open. The words are those of present/words.py.
const UNITS = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];

export function inWords(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole >= 86400) {
    const days = Math.floor(whole / 86400);
    return `${days} ${days === 1 ? "day" : "days"}`;
  }
  if (whole >= 3600) {
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole % 3600 / 60);
    return minutes && hours < 2 ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  const [unit, size] = UNITS.find(([, each]) => whole >= each) ?? UNITS.at(-1);
  return `${Math.floor(whole / size)} ${unit}`;
}

export function ago(at, now) {
  const seconds = (now - at) / 1000;
  if (seconds > -1.5 && seconds < 5) return "just now";
  return seconds > 0 ? `${inWords(seconds)} ago` : `in ${inWords(-seconds)}`;
}

export function tickTimes() {
  const tick = () => {
    if (document.hidden) return;
    const now = Date.now();
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const text = ago(Date.parse(element.dateTime), now);
      if (element.textContent !== text) element.textContent = text;
    }
  };
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}

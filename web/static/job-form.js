// Shows only the fields of the chosen kind of schedule, and the next runs as one types.
import { rows } from "./rows.js";

const form = document.getElementById("job-form");
const AFTER_MS = 200;
let timer = 0, round = 0;

function showKind() {
  const kind = new FormData(form).get("kind");
  for (const part of form.querySelectorAll("[data-kind]")) {
    part.hidden = !part.dataset.kind.split(" ").includes(kind);
  }
}

async function preview() {
  const mine = ++round;
  const headers = { "X-Tepui-Fragment": "1" };
  const response = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), headers });
  if (!response.ok || mine !== round) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("preview");
  if (fresh) document.getElementById("preview").replaceChildren(...fresh.childNodes);
}

form.addEventListener("input", (event) => {
  if (!event.target.matches('[name="kind"], [name="cron"], [name="iso"], [name="scheduleTimeZone"], [name="parents"]')) return;
  showKind();
  clearTimeout(timer);
  timer = setTimeout(preview, AFTER_MS);
});
rows(form, () => {});
showKind();
document.getElementById("refusal")?.scrollIntoView({ block: "nearest" });
form.querySelector('[aria-invalid="true"]')?.focus();

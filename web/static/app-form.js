// Keeps the form and the JSON in step. The rules are the server's; this sends what changed and
// puts the answer on the other side. What was edited last is what will be sent.
import { morph } from "./morph.js";
import { rows } from "./rows.js";

const form = document.getElementById("app-form");
const text = document.getElementById("json");
const note = document.getElementById("json-note");
const AFTER_MS = 180;
let timer = 0, round = 0;

const later = (action) => { clearTimeout(timer); timer = setTimeout(action, AFTER_MS); };
const sentFrom = (side) => { form.querySelector(`input[name="source"][value="${side}"]`).checked = true; };

function post(url) {
  const headers = { "X-Tepui-Fragment": "1" };
  return fetch(url, { method: "POST", body: new FormData(form), headers });
}

async function toJson() {
  const mine = ++round;
  const response = await post(form.dataset.jsonUrl);
  if (!response.ok || mine !== round) return;
  const answer = await response.json();
  text.value = answer.json;
  form.elements.base.value = answer.json;
  document.getElementById("fit").textContent = answer.fit;
  marked(answer.errors);
  said("", false);
}

async function toFields() {
  const mine = ++round;
  const response = await post(form.dataset.fieldsUrl);
  if (mine !== round) return;
  if (response.status === 422) return said((await response.json()).error, true);
  if (!response.ok) return;
  const html = await response.text();
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("fields");
  if (!fresh) return;
  const id = form.elements.id;
  const isFixed = id.readOnly;
  morph(document.getElementById("fields"), fresh);
  refill(document.getElementById("fields"), fresh);
  form.elements.id.readOnly = isFixed;
  form.elements.base.value = text.value;
  said("", false);
}

// Morphing sets attributes; a field in which one has typed shows its own value until it is set.
function refill(shown, fresh) {
  const names = "input, textarea, select";
  const from = fresh.querySelectorAll(names), to = shown.querySelectorAll(names);
  to.forEach((field, index) => {
    const other = from[index];
    if (!other || other.name !== field.name) return;
    if (field.type === "checkbox") field.checked = other.hasAttribute("checked");
    else field.value = other.value;
  });
}

function marked(errors) {
  for (const field of form.querySelectorAll("#fields [name]")) {
    const wrong = errors[field.name];
    const old = document.getElementById(`error-${field.name}`);
    if (wrong) field.setAttribute("aria-invalid", "true");
    else if (old || field.hasAttribute("aria-invalid")) field.removeAttribute("aria-invalid");
    if (wrong && !old) {
      const said = Object.assign(document.createElement("span"), { className: "error", id: `error-${field.name}`, textContent: wrong });
      field.after(said);
      field.setAttribute("aria-describedby", said.id);
    } else if (old && !wrong) old.remove();
  }
}

function said(message, isError) {
  note.className = isError ? "error" : "hint";
  note.textContent = message || "Keys that the form does not know stay as they are.";
  text.toggleAttribute("aria-invalid", isError);
  if (isError) text.setAttribute("aria-invalid", "true");
}

document.getElementById("form-panel").addEventListener("input", () => { sentFrom("form"); later(toJson); });
text.addEventListener("input", () => { sentFrom("json"); later(toFields); });
text.addEventListener("keydown", (event) => {
  if (event.key !== "Tab" || event.shiftKey || !event.altKey) return;
  event.preventDefault();
  text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
});
rows(form, () => { sentFrom("form"); later(toJson); });
document.getElementById("refusal")?.scrollIntoView({ block: "nearest" });
form.querySelector('[aria-invalid="true"]')?.focus();

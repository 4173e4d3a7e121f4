// Every page: follows changes, keyboard, copy buttons. The page works without it.
import { follow } from "./live.js";
import { keyboard } from "./keys.js";
import { tickTimes } from "./times.js";

document.documentElement.classList.add("js");
follow();
keyboard();
tickTimes();

// On a phone the menu is wider than the screen: show where one is.
document.querySelector('.side [aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" });

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1600);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// What was done is on the page itself soon enough; what was refused stays.
const done = document.querySelectorAll('[data-flash="done"]');
setTimeout(() => { for (const note of done) note.remove(); }, 8000);

// A form is sent once: a second click while the answer is on its way does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

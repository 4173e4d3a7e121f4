// Shortcuts; off while one types. `?` shows them.

export function keyboard() {
  let isGoing = false;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing) return inField(event, typing);
    if (event.ctrlKey || event.metaKey) return;
    if (isGoing) { isGoing = false; return go(event); }
    if (event.key === "g") {
      isGoing = true;
      setTimeout(() => { isGoing = false; }, 1200);
    } else if (event.key === "/") {
      event.preventDefault();
      document.getElementById("search")?.select();
    } else if (event.key === "c") {
      document.querySelector("[data-create]")?.click() ?? location.assign("/apps/new");
    } else if (event.key === "e") {
      document.querySelector("[data-edit]")?.click();
    } else if (event.key === "?") {
      document.getElementById("help")?.togglePopover();
    }
  });
}

function go(event) {
  document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
}

function inField(event, field) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) field.form?.requestSubmit();
  else if (event.key === "Escape" && !field.closest(":popover-open")) field.blur();
}

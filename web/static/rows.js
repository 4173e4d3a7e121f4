// Lists of rows in a form: the last one is always empty, so that there is room for another.

export function rows(form, changed) {
  form.addEventListener("input", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && event.target.value && isLast(row)) row.after(blank(row.cloneNode(true)));
  });
  form.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-remove]");
    if (!remove) return;
    const row = remove.closest("[data-row]");
    isLast(row) ? blank(row) : row.remove();
    changed();
  });
}

const isLast = (row) => !row.nextElementSibling?.matches("[data-row]");

function blank(row) {
  for (const field of row.querySelectorAll("input, textarea")) {
    field.value = field.name.endsWith(".origin") ? "-1" : "";
    field.removeAttribute("aria-invalid");
  }
  for (const field of row.querySelectorAll("select")) field.selectedIndex = 0;
  return row;
}

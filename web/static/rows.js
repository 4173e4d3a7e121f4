// Lists of rows in a form: add an empty one, remove one.

export function rows(form, changed) {
  form.addEventListener("click", (event) => {
    const add = event.target.closest("[data-add]");
    const remove = event.target.closest("[data-remove]");
    if (add) added(add.closest("[data-rows]"));
    if (remove) removed(remove.closest("[data-row]"), changed);
  });
}

function added(list) {
  const all = list.querySelectorAll("[data-row]");
  const row = all[all.length - 1].cloneNode(true);
  blank(row);
  all[all.length - 1].after(row);
  row.querySelector("input:not([type=hidden])").focus();
}

function removed(row, changed) {
  if (row.parentElement.querySelectorAll("[data-row]").length > 1) row.remove();
  else blank(row);
  changed();
}

function blank(row) {
  for (const field of row.querySelectorAll("input, textarea")) {
    field.value = field.name.endsWith(".origin") ? "-1" : "";
  }
}

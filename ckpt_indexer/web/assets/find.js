// One experiment: the search in its configuration, as you type, and further metrics. Nothing is asked of anybody: rows
// that are there are hidden or shown, and their texts are only read.
"use strict";

ckpt.find = (() => {
  const { here, remember, forms, closes } = ckpt;
  const fields = () => document.querySelectorAll("input[data-narrows]");
  const isField = (node) => node instanceof HTMLInputElement && node.dataset.narrows !== undefined;

  // Every word must stand somewhere in the row, whatever its case.
  function narrow(field) {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = document.getElementById(field.dataset.narrows)?.querySelectorAll("tbody tr") ?? [];
    let left = 0;
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) left += 1;
    }
    const number = (value) => value.toLocaleString("en-US");
    const said = words.length ? (left ? `${number(left)} of ${number(rows.length)} values` : "nothing matches") : `${number(rows.length)} values`;
    const status = field.parentElement.querySelector("[role=status]");
    if (status && status.textContent !== said) status.textContent = said;
  }

  document.addEventListener("input", (event) => { if (isField(event.target)) narrow(event.target); });
  document.addEventListener("change", (event) => { if (isField(event.target)) remember({ [event.target.name]: event.target.value.trim() }); });

  closes.push(() => {
    const field = document.activeElement;
    if (!isField(field) || !field.value) return false;
    field.value = "";
    narrow(field);
    remember({ [field.name]: "" });
    return true;
  });

  ckpt.on((kind) => {
    if (kind === "begin") for (const field of fields()) field.value = here().get(field.name) ?? "";
    if (kind === "begin" || kind === "redrawn") for (const field of fields()) narrow(field);
  });

  forms.also = (form) => {
    const given = here(), name = form.elements.also.value;
    if (name) { given.append("also", name); location.search = given.toString(); }
  };
})();

// [data-list="prefix"]: adds and removes rows without a round trip. The markup is the server's, which
// does the same on "add" and "remove" without this script.
import { chooseRows, rowNumberer, splitPasted } from "./list_rows.js";
import { announce, word } from "./words.js";

const INDEXED = ["id", "name", "for", "list", "aria-describedby", "aria-labelledby"];
const FIELDS = "input:not([type=hidden]), select, textarea";

export function startLists(root) {
  for (const container of root.querySelectorAll("[data-list]")) new List(container);
}

class List {
  constructor(container) {
    this.prefix = container.dataset.list;
    this.max = Number(container.dataset.listMax) || Infinity;
    this.rows = container.querySelector("[data-list-rows]");
    this.template = container.querySelector("template[data-list-template]");
    this.addButton = container.querySelector("[data-list-add]");
    this.total = container.querySelector(`input[name="${this.prefix}-TOTAL_FORMS"]`);
    this.renumbered = rowNumberer(this.prefix);

    this.addButton.addEventListener("click", (event) => {
      event.preventDefault();
      const row = this.add();
      if (!row) return;
      row.querySelector(FIELDS)?.focus();
      announce(this.addButton.hidden ? word("rowsFull", this.max) : word("rowAdded", this.all.length));
    });
    this.rows.addEventListener("click", (event) => {
      const button = event.target.closest("[data-list-remove]");
      if (!button) return;
      event.preventDefault();
      this.remove(button.closest("[data-list-row]"));
    });
    if ("listSplit" in container.dataset) {
      this.rows.addEventListener("paste", (event) => this.split(event));
    }
    this.renumber();
  }

  get all() {
    return [...this.rows.querySelectorAll("[data-list-row]")];
  }

  /** A new empty row at the end, or nothing when the list is full. */
  add() {
    if (this.all.length >= this.max) return null;
    this.rows.append(this.template.content.cloneNode(true));
    this.renumber();
    return this.all.at(-1);
  }

  remove(row) {
    const position = this.all.indexOf(row);
    row.remove();
    this.renumber();
    changed(this.rows); // the removed values may have been the only unsaved ones
    this.all[Math.min(position, this.all.length - 1)].querySelector(FIELDS)?.focus();
    announce(word("rowRemoved", position + 1));
  }

  renumber() {
    this.all.forEach((row, position) => {
      for (const element of [row, ...row.querySelectorAll("*")]) {
        for (const name of INDEXED) this.rename(element, name, position);
        if (element instanceof HTMLButtonElement) this.rename(element, "value", position); // never what a person typed
        if ("listNumber" in element.dataset) element.textContent = String(position + 1);
      }
    });
    if (this.total) this.total.value = String(this.all.length);
    this.addButton.hidden = this.all.length >= this.max;
  }

  rename(element, name, position) {
    const value = element.getAttribute(name);
    if (value === null) return;
    const renamed = this.renumbered(value, position);
    if (renamed !== value) element.setAttribute(name, renamed);
  }

  /** Several values pasted at once: one per row. */
  split(event) {
    const field = event.target.closest("input[type=text], input[type=tel], input:not([type])");
    const pasted = splitPasted(event.clipboardData?.getData("text/plain") ?? "");
    if (!field || pasted.length < 2) return;
    event.preventDefault();
    const values = this.all.map((row) => row.querySelector(FIELDS)?.value);
    const at = this.all.indexOf(field.closest("[data-list-row]"));
    const [[, first], ...others] = chooseRows(pasted, { values, at, max: this.max });
    field.setRangeText(first, field.selectionStart, field.selectionEnd, "end");
    changed(field);
    let last = field;
    for (const [row, text] of others) {
      last = (this.all[row] ?? this.add()).querySelector(FIELDS);
      last.value = text;
      changed(last);
    }
    last.focus();
    announce(word("rowsFilled", pasted.length));
  }
}

function changed(field) {
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

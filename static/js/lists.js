// [data-list="prefix"]: adds and removes rows without a round trip. The markup is the server's, which
// does the same on "add" and "remove" without this script.
import { announce, word } from "./words.js";

const INDEXED = ["id", "name", "for", "list", "aria-describedby", "aria-labelledby", "data-list-key"];
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
    // The complete "emails-3": not "emails-30" or "more-emails-3", but also within "id_emails-3-value".
    this.index = new RegExp(`(?<![A-Za-z0-9-])${this.prefix.replace(/[^\w]/g, "\\$&")}-(\\d+|__prefix__)(?!\\d)`, "g");

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
    if (this.all.length > 1) row.remove();
    else for (const field of row.querySelectorAll(FIELDS)) empty(field);
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
    const renamed = value?.replace(this.index, `${this.prefix}-${position}`);
    if (renamed !== undefined && renamed !== value) element.setAttribute(name, renamed);
  }

  /** Several values pasted at once: one per row: this row, the empty rows after it, then new rows. */
  split(event) {
    const field = event.target.closest("input[type=text], input[type=tel], input:not([type])");
    const text = event.clipboardData?.getData("text/plain") ?? "";
    // A comma in front of an address belongs to a name: Doe, Jane <jane@example.com>
    const separators = text.includes("@") ? /[;\t\r\n]+|(?<=@[^,]*),/ : /[,;\t\r\n]+/;
    const values = text.split(separators).map((part) => part.trim()).filter(Boolean);
    if (!field || values.length < 2) return;
    event.preventDefault();
    const count = values.length;
    field.setRangeText(values.shift(), field.selectionStart, field.selectionEnd, "end");
    changed(field);
    let last = field;
    while (values.length) {
      const next = this.emptyFieldAfter(last) ?? this.add()?.querySelector(FIELDS);
      if (!next) {
        put(last, [last.value, ...values].join(", ")); // no space: the last row keeps all values, and the server reports it
        break;
      }
      put(next, values.shift());
      last = next;
    }
    last.focus();
    announce(word("rowsFilled", count));
  }

  emptyFieldAfter(field) {
    const rows = this.all;
    const following = rows.slice(rows.indexOf(field.closest("[data-list-row]")) + 1);
    return following.map((row) => row.querySelector(FIELDS)).find((candidate) => candidate?.value === "");
  }
}

function put(field, value) {
  field.value = value;
  changed(field);
}

function empty(field) {
  if (field instanceof HTMLSelectElement) field.selectedIndex = 0;
  else if (field.type === "checkbox" || field.type === "radio") field.checked = false;
  else field.value = "";
  changed(field);
}

function changed(field) {
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

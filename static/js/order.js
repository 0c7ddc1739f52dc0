// [data-order]: moves rows up and down without a round trip. Without this script the server does it.
import { announce, word } from "./words.js";

export function startOrdering(root) {
  for (const list of root.querySelectorAll("[data-order]")) {
    list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-order-up], [data-order-down]");
      if (!button) return;
      event.preventDefault();
      move(list, button);
    });
  }
}

function move(list, button) {
  const row = button.closest("[data-order-row]");
  const up = button.matches("[data-order-up]");
  const other = up ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (up) other.before(row);
  else other.after(row);
  const rows = [...list.querySelectorAll("[data-order-row]")];
  rows.forEach((one, position) => {
    one.querySelector("input[type=hidden]").value = String(position);
  });
  // At an end the pressed button is hidden: move the focus to the other one.
  const twin = row.querySelector(up ? "[data-order-down]" : "[data-order-up]");
  (getComputedStyle(button).visibility === "hidden" ? twin : button).focus();
  announce(word("rowMoved", rows.indexOf(row) + 1));
}

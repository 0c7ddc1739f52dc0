// [data-order-panel]: the order beside the form, which htmx loads. If that fails, it shows its template: a text and
// the button Check again.
// One line about the order is announced, not the names of everybody on it.
import { announce } from "./words.js";

export function startOrderPanel(root) {
  // An answer from another address, such as the sign-in page of a proxy, is not the panel.
  root.addEventListener("htmx:beforeSwap", (event) => {
    const panel = panelOf(event);
    if (panel === null) return;
    const asked = new URL(panel.getAttribute("hx-post"), location.href).href;
    if (event.detail.xhr.responseURL === asked) return;
    event.detail.shouldSwap = false;
    showFailure(panel);
  });
  root.addEventListener("htmx:afterSwap", (event) => {
    const line = panelOf(event)?.querySelector("[data-order-announcement]")?.dataset.orderAnnouncement;
    if (line) announce(line);
  });
  root.addEventListener("click", ({ target }) => {
    if (target.closest("[data-check-again]")) focusOn(target.closest("[data-order-panel]"));
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    root.addEventListener(name, (event) => showFailure(panelOf(event)));
  }
}

function panelOf(event) {
  return event.target.closest("[data-order-panel]");
}

// The pressed button disappears. Only meanwhile: a panel with this attribute cannot be scrolled by keyboard.
function focusOn(panel) {
  panel.tabIndex = -1;
  panel.focus();
  panel.addEventListener("blur", () => panel.removeAttribute("tabindex"), { once: true });
}

function showFailure(panel) {
  const text = panel?.querySelector("template").content.cloneNode(true);
  if (!text) return;
  announce(text.querySelector("p").textContent);
  panel.querySelector("[data-order-panel-content]").replaceChildren(text);
  const offeredFor = document.querySelector("[name=order_choice_for]")?.value;
  const typed = document.getElementById("id_order_ref").value.trim();
  if (offeredFor !== typed) document.getElementById("order-choices").replaceChildren(); // for an earlier number
}

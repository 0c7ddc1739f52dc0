// [data-order-panel]: the order beside the form, which htmx loads. If that fails, it shows the text of its template.

export function startOrderPanel(root) {
  // After the end of the session the answer is the sign-in page.
  root.addEventListener("htmx:beforeSwap", (event) => {
    const panel = panelOf(event);
    if (panel === null) return;
    const asked = new URL(panel.getAttribute("hx-post"), location.href).href;
    if (event.detail.xhr.responseURL === asked) return;
    event.detail.shouldSwap = false;
    showFailure(panel);
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    root.addEventListener(name, (event) => showFailure(panelOf(event)));
  }
}

function panelOf(event) {
  return event.target.closest("[data-order-panel]");
}

function showFailure(panel) {
  const text = panel?.querySelector("template").content.cloneNode(true);
  if (text) panel.querySelector("[data-order-panel-content]").replaceChildren(text);
}

// Keys: Ctrl+Enter presses [data-create], the plain Create button, from anywhere on the page but a link. "?" opens
// dialog[data-shortcuts="address"], which lists the shortcuts and turns those of a single key off (WCAG 2.1.4).

const TEXT = "input:not([type=radio], [type=checkbox]), select, textarea";

/** Listen on the document once, because pages are replaced. */
export function startShortcutKeys(root) {
  root.addEventListener("keydown", (event) => {
    if (event.repeat || event.isComposing || root.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const create = root.querySelector("[data-create]");
      if (!create || event.target.closest("a[href]")) return; // on a link the browser opens it in a new tab
      event.preventDefault(); // the focused button, for example Create anyway, is not pressed
      create.click();
    } else if (event.key === "?" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const dialog = root.querySelector("dialog[data-shortcuts]");
      if (!dialog?.querySelector("[data-single-keys]").checked || event.target.closest(TEXT)) return;
      event.preventDefault();
      dialog.showModal();
    }
  });
}

export function startShortcuts(root) {
  const dialog = root.querySelector("dialog[data-shortcuts]");
  if (!dialog) return;
  const opener = root.querySelector("[data-shortcuts-open]");
  opener.classList.remove("needs-script");
  opener.querySelector("button").addEventListener("click", () => dialog.showModal());
  const box = dialog.querySelector("[data-single-keys]");
  const status = dialog.querySelector("[data-not-stored]");
  box.addEventListener("change", async () => {
    const chosen = box.checked;
    status.textContent = ""; // so that the same text is announced again
    const token = root.querySelector("form[data-in-page] [name=csrfmiddlewaretoken]").value;
    const body = new URLSearchParams({ on: chosen ? "1" : "" });
    const headers = { "X-CSRFToken": token };
    try {
      const answer = await fetch(dialog.dataset.shortcuts, { method: "POST", body, headers, redirect: "error" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
    } catch {
      box.checked = !chosen;
      status.textContent = status.dataset.notStored;
    }
  });
}

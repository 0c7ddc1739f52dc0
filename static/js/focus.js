// [data-focus]: an error summary or a warning gets the focus when the page has loaded; its links lead into the field.

const CONTROLS = "input:not([type=hidden]), select, textarea, button:not(.default-button)"; // that one is not visible

export function startFocus(root) {
  root.querySelector("[data-focus]")?.focus();
  for (const summary of root.querySelectorAll("[data-error-summary]")) {
    summary.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']");
      const target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
      const control = target?.matches(CONTROLS) ? target : target?.closest("form") && target.querySelector(CONTROLS);
      if (!control) return;
      event.preventDefault();
      // Scroll so that the field's label is visible.
      (control.labels?.[0] ?? control).scrollIntoView({ block: "center" });
      control.focus({ preventScroll: true });
    });
  }
}

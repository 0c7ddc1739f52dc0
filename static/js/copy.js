// [data-copy="text"]: copies the text. The button's space is reserved; the script makes it visible. Without a
// clipboard, the page shows shortened texts whole (components.css); if it refuses, the one that was to be copied.
import { announce, word } from "./words.js";

const SHOWN = 2000; // milliseconds that "Copied" stays on the button

export function startCopying(root) {
  if (!navigator.clipboard) {
    // only over HTTPS or on localhost
    document.documentElement.classList.add("no-clipboard");
    return;
  }
  for (const button of root.querySelectorAll("[data-copy]")) {
    const label = button.querySelector("[data-copy-label]") ?? button;
    const words = label.textContent;
    let timer = 0;
    button.classList.remove("needs-script");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
      } catch {
        clearTimeout(timer);
        label.textContent = word("copyFailed"); // stays until another attempt succeeds
        button.closest(".references")?.classList.add("whole");
        announce(word("copyFailed"));
        return;
      }
      label.textContent = word("copied");
      announce(word("copied"));
      clearTimeout(timer);
      timer = setTimeout(() => {
        label.textContent = words;
      }, SHOWN);
    });
  }
}

// textarea[data-paste]: a document reader that types like a keyboard ends a machine-readable zone with Enter, which then
// presses Read. Ctrl+Enter presses it, too. Otherwise Enter is a line break here, and it never creates a consumer.
import { readerKeys } from "./paste_reading.js";

export function startPaste(root) {
  for (const box of root.querySelectorAll("textarea[data-paste]")) {
    const read = box.form.querySelector("[data-paste-read]");
    const endsDocument = readerKeys();
    box.addEventListener("keydown", (event) => {
      const ends = endsDocument(event.key, event.timeStamp);
      if (event.key !== "Enter") return;
      event.stopPropagation(); // other listeners for Enter create the consumer
      if (event.isComposing || !(ends || event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      box.form.requestSubmit(read);
    });
  }
}

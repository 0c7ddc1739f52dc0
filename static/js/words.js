// Texts come from the page (components/frame/words.html), where they are translated.

/** The text for a name such as "copied"; `{number}` in it is replaced by `number`. */
export function word(name, number = "") {
  const words = document.querySelector("[data-words]")?.dataset ?? {};
  return (words[name] ?? "").replace("{number}", String(number));
}

/** Announce a text to screen readers without moving the focus. */
export function announce(text) {
  const announcer = document.querySelector("[data-announcer]");
  if (!announcer) return;
  announcer.textContent = "";
  setTimeout(() => {
    announcer.textContent = text;
  }, 50); // so that the same text is announced again
}

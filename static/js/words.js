// Texts come from the page (components/frame/words.html), where they are translated.

/** The text for a name such as "copied"; `{number}` in it is replaced by `number`. */
export function word(name, number = "") {
  const words = document.querySelector("[data-words]")?.dataset ?? {};
  return (words[name] ?? "").replace("{number}", String(number));
}

/** [data-announce]: what the page says there is announced when it is shown, because the focus is elsewhere. */
export function startAnnouncing(root) {
  const texts = [...root.querySelectorAll("[data-announce]")].map(({ textContent }) => textContent);
  if (texts.length > 0) announce(texts.join(" ").replace(/\s+/g, " ").trim());
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

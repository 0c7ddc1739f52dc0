// Words come from the page (components/words.html), so that they are translated where all words are.

/** The word of a name such as "copied"; `{number}` in it becomes `number`. */
export function word(name, number = "") {
  const words = document.querySelector("[data-words]")?.dataset ?? {};
  return (words[name] ?? "").replace("{number}", String(number));
}

/** Says a text to a screen reader without moving the focus. */
export function announce(text) {
  const announcer = document.querySelector("[data-announcer]");
  if (!announcer) return;
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 50); // the same text twice is said twice
}

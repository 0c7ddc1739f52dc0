// dialog[data-session="seconds"]: two minutes before the session ends, asks whether to continue; Enter is enough.
// Sending the form later loses nothing either: the server stores it until the same person has signed in.
import { isSending } from "./leaving.js";

const WARN_BEFORE = 120; // seconds
let timer = 0;

export function startSession(root) {
  const dialog = root.querySelector("dialog[data-session]");
  clearTimeout(timer); // of the previous page
  if (!dialog) return;

  const wait = (seconds) => {
    clearTimeout(timer);
    timer = setTimeout(ask, Math.max(seconds - WARN_BEFORE, 0) * 1000);
  };
  const ask = () => {
    // Sending extends the session, and the answer contains its own dialog.
    if (isSending()) timer = setTimeout(ask, 1000);
    else show(dialog, "question");
  };

  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
      if (!answer.ok) throw new Error("ended");
      const { seconds } = await answer.json();
      dialog.close();
      if (seconds > WARN_BEFORE) wait(seconds); // at the absolute limit the session cannot be extended
    } catch {
      show(dialog, "ended");
    }
  });
  dialog.querySelector("[data-session-close]").addEventListener("click", () => dialog.close());

  wait(Number(dialog.dataset.session));
}

function show(dialog, part) {
  for (const section of dialog.querySelectorAll("[data-session-part]")) {
    section.hidden = section.dataset.sessionPart !== part;
  }
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[data-session-part]:not([hidden]) button")?.focus();
}

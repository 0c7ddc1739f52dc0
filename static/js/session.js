// dialog[data-session="seconds"]: two minutes before the session ends, asks whether to continue; Enter is enough.
// Sending a form with the author's token later loses nothing either: the server stores it until the same person has
// signed in. What is typed in another form is lost then, and the dialog says so.
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

  const extend = async (form) => {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "error" });
    if (answer.status === 401) return show(dialog, "ended");
    if (!answer.ok) throw new Error(`status ${answer.status}`); // the session may still exist
    const { seconds, ends_at } = await answer.json();
    if (seconds > WARN_BEFORE) {
      dialog.close();
      wait(seconds);
    } else {
      dialog.querySelector("[data-session-ends-at]").textContent = ends_at; // the absolute limit
      show(dialog, "last");
    }
  };

  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const failure = dialog.querySelector("[data-session-no-answer]");
    failure.hidden = true; // so that the same text is announced again
    try {
      await extend(event.target);
    } catch {
      failure.hidden = false;
    }
  });
  for (const button of dialog.querySelectorAll("[data-session-close]")) {
    button.addEventListener("click", () => dialog.close());
  }

  wait(Number(dialog.dataset.session));
}

function show(dialog, part) {
  const isKept = document.querySelector("[name=entry_of]") !== null;
  for (const text of dialog.querySelectorAll("[data-session-kept]")) text.hidden = !isKept;
  for (const text of dialog.querySelectorAll("[data-session-lost]")) text.hidden = isKept;
  for (const section of dialog.querySelectorAll("[data-session-part]")) {
    section.hidden = section.dataset.sessionPart !== part;
  }
  dialog.setAttribute("aria-labelledby", `session-${part}`);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[data-session-part]:not([hidden]) button")?.focus();
}

// dialog[data-session="seconds"]: two minutes before the session ends, asks whether to continue; Enter is enough.
// Sending a form with the author's token later loses nothing either: the server stores it until the same person has
// signed in. What is typed in another form is lost then, and the dialog says so. If the question is closed or not answered,
// the end is said when it has come.
import { isSending } from "./leaving.js";

const WARN_BEFORE = 120; // seconds
const RETRY = 10; // seconds until the next attempt to learn whether the session has ended
let timer = 0;

export function startSession(root) {
  const dialog = root.querySelector("dialog[data-session]");
  clearTimeout(timer); // of the previous page
  if (!dialog) return;

  const form = dialog.querySelector("form");
  const after = (seconds, step) => {
    clearTimeout(timer);
    // Sending extends the session, and the answer contains its own dialog.
    timer = setTimeout(() => (isSending() ? after(1, step) : step()), seconds * 1000);
  };
  const wait = (seconds) => {
    const warning = Math.min(seconds, WARN_BEFORE);
    after(seconds - warning, () => {
      show(dialog, "question");
      after(warning + 1, end); // a second more, because the seconds are rounded down
    });
  };

  const end = async () => {
    try {
      const left = await ask("GET"); // extends nothing; another window may have extended it
      if (left === null || !dialog.isConnected) return;
      dialog.close();
      wait(left.seconds);
    } catch {
      if (dialog.isConnected) after(RETRY, end);
    }
  };

  /** What the portal says about the session; null if it has ended, which is shown. Throws if it does not say. */
  const ask = async (method, body) => {
    const answer = await fetch(form.action, { method, body, cache: "no-store", redirect: "error" });
    if (answer.status === 401) {
      clearTimeout(timer);
      show(dialog, "ended");
      return null;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`); // the session may still exist
    return answer.json();
  };

  const extend = async () => {
    const left = await ask("POST", new FormData(form));
    if (left === null) return;
    const { seconds, ends_at } = left;
    if (seconds > WARN_BEFORE) {
      dialog.close();
      wait(seconds);
    } else {
      dialog.querySelector("[data-session-ends-at]").textContent = ends_at; // the absolute limit
      show(dialog, "last");
      after(seconds + 1, end);
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const failure = dialog.querySelector("[data-session-no-answer]");
    failure.textContent = ""; // so that the same text is announced again
    try {
      await extend();
    } catch {
      failure.textContent = failure.dataset.sessionNoAnswer;
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

// dialog[data-session="seconds"]: two minutes before the session ends, asks whether to continue; Enter is enough.
// Sending a form with the author's token later loses nothing either: the server stores it until the same person has
// signed in. What is typed in another form is lost then, and the dialog says so. If the question is closed or not answered,
// the end is said when it has come. If another page extends the session, the question is not shown, or closed
// unless the page is in use.
import { isSending } from "./leaving.js";
import { SessionWatch } from "./session_watch.js";
import { timeLimit } from "./time_limit.js";

const LIMIT = 10_000; // milliseconds for one reading: without an answer the question is shown
let watch = null;

export function startSession(root) {
  const dialog = root.querySelector("dialog[data-session]");
  watch?.stop(); // of the previous page
  watch = dialog && watchOf(dialog);
  if (!watch) return;

  const form = dialog.querySelector("form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const failure = dialog.querySelector("[data-session-no-answer]");
    failure.textContent = ""; // so that the same text is announced again
    try {
      await watch.stay();
    } catch {
      failure.textContent = failure.dataset.sessionNoAnswer;
    }
  });
  for (const button of dialog.querySelectorAll("[data-session-close]")) {
    button.addEventListener("click", () => dialog.close());
  }

  watch.wait(Number(dialog.dataset.session));
}

function watchOf(dialog) {
  const form = dialog.querySelector("form");
  return new SessionWatch({
    read: () => ask(form.action),
    extend: () => ask(form.action, { method: "POST", body: new FormData(form) }),
    show: (part, endsAt) => (part === null ? dialog.close() : show(dialog, part, endsAt)),
    isBusy: isSending,
    isInUse: () => document.hasFocus(),
  });
}

/** What the portal says about the session; null if it has ended. Throws if it does not say. */
async function ask(address, how) {
  const answer = await fetch(address, { cache: "no-store", redirect: "error", signal: timeLimit(LIMIT), ...how });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`status ${answer.status}`); // the session may still exist
  return answer.json();
}

function show(dialog, part, endsAt) {
  if (part === "last") dialog.querySelector("[data-session-ends-at]").textContent = endsAt;
  const isKept = document.querySelector("[name=entry_of]") !== null;
  for (const text of dialog.querySelectorAll("[data-session-kept]")) text.hidden = !isKept;
  for (const text of dialog.querySelectorAll("[data-session-lost]")) text.hidden = isKept;
  for (const section of dialog.querySelectorAll("[data-session-part]")) {
    section.hidden = section.dataset.sessionPart !== part;
  }
  dialog.querySelector("[data-session-no-answer]").textContent = ""; // of an earlier question
  dialog.setAttribute("aria-labelledby", `session-${part}`);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[data-session-part]:not([hidden]) button")?.focus();
}

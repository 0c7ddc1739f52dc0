// form[data-drafts="address"]: what is typed is stored on the server as a draft, and the leave warning ends when it is.
import { DraftSaver, markText, readMark } from "./draft_saver.js";
import { content, isSending, markStored, mayLeave } from "./leaving.js";
import { timeLimit } from "./time_limit.js";
import { word } from "./words.js";

const LIMIT = 10_000; // milliseconds for one save
const NOT_SENT = ["csrfmiddlewaretoken", "token"]; // a page that fills the form again has its own
const TEXTS = {
  saved: () => word("draftSaved"),
  separate: () => word("draftSeparate"),
  unreachable: () => word("draftUnreachable"),
  ended: () => word("draftEnded"),
  stopped: () => word("draftStopped"),
  failed: () => word("draftFailed"),
};

let saver = null;
let listening = false;

export function startDrafts(root) {
  saver?.stop(); // of the page before
  const form = root.querySelector("form[data-drafts]");
  saver = form && saverOf(form);
  if (!saver) return;
  form.addEventListener("input", () => saver.changed());
  form.addEventListener("change", () => saver.changed());
  const { warnBeforeLeaving, mayBeSent } = form.dataset;
  if (warnBeforeLeaving === "unsaved") saver.saveUnsaved({ mayBeSent: mayBeSent !== undefined });
  if (listening) return;
  listening = true;
  addEventListener("pagehide", () => saver?.leave());
  document.addEventListener("visibilitychange", () => document.hidden && saver?.leave());
}

/** A form was sent without an answer that replaced it. `arrived`: it may have arrived at the server. */
export function takeAsSent(arrived) {
  if (arrived) saver?.takeAsSent();
}

function saverOf(form) {
  const field = form.elements.draft;
  return new DraftSaver({
    content: () => content(form),
    mark: readMark(field.value),
    isBusy: () => isSending() || mayLeave(),
    keep: (mark) => {
      field.value = markText(mark);
    },
    send: (mark, how) => send(form, mark, how),
    show: (state, answer) => {
      if (state === "saved" || state === "separate") markStored(form, saver.stored);
      show(form, state, answer);
    },
  });
}

async function send(form, mark, { leaving }) {
  const body = new URLSearchParams(new FormData(form));
  for (const name of NOT_SENT) body.delete(name);
  const answer = await fetch(form.dataset.drafts.replace(/[^/]+\/$/, `${mark.id}/`), {
    method: "POST",
    body,
    headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    keepalive: leaving, // the browser completes it when the page is gone; for long entries it refuses
    redirect: "error",
    signal: timeLimit(LIMIT),
  });
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
  return { ...(isJson ? await answer.json() : {}), status: answer.status };
}

/** Only another text is announced, not each save. */
function show(form, state, { at = "", problem = "" }) {
  const part = form.querySelector("[data-draft-state]");
  const text = problem || TEXTS[state]();
  if (part.textContent !== text) part.textContent = text;
  form.querySelector("[data-draft-time]").textContent = at;
}

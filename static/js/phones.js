// [data-phone-echo="address"]: shows while typing how the server reads a phone number, or why it cannot. Listens on
// the whole page, because rows are added.
import { announce } from "./words.js";

const PAUSE = 400; // milliseconds without a key before the server is asked
const MAX_LENGTH = 1000; // characters, the field's limit

export function startPhones(root) {
  const pending = new WeakMap(); // field → how to cancel its pending request
  root.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-phone-echo]")) return;
    pending.get(target)?.();
    if (!target.value.trim()) return show(target, []);
    const request = new AbortController();
    const timer = setTimeout(() => ask(target, request.signal), PAUSE);
    pending.set(target, () => {
      clearTimeout(timer);
      request.abort();
    });
  });
}

/** Show the server's answer. Without an answer nothing is shown; the form reports errors when it is sent. */
async function ask(field, signal) {
  const { value, form } = field;
  if ([...value].length > MAX_LENGTH) return show(field, []);
  const body = new URLSearchParams({ number: value });
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  try {
    const answer = await fetch(field.dataset.phoneEcho, { method: "POST", body, headers, signal, redirect: "error" });
    show(field, answer.ok ? (await answer.json()).readings : [], true);
  } catch {
    if (!signal.aborted) show(field, []);
  }
}

function show(field, readings, spoken = false) {
  const echo = echoOf(field);
  echo.replaceChildren(
    ...readings.map(({ text, read }) => {
      const line = document.createElement("div");
      line.textContent = text;
      line.classList.toggle("echo-wrong", !read);
      return line;
    }),
  );
  if (spoken && readings.length) announce(echo.textContent);
}

function echoOf(field) {
  const parent = field.parentElement;
  const found = parent.querySelector(".phone-echo");
  if (found) return found;
  const echo = document.createElement("div");
  echo.className = "form-text phone-echo";
  echo.id = `${field.id}_echo`;
  field.after(echo);
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${echo.id}`.trim());
  return echo;
}

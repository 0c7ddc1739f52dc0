// [data-progress="address"]: shows the progress of a file, with the part of the page that the server renders. It starts
// with the form [data-progress-start], whose answer is a file and not a page, or immediately if the file is in progress.
import { startCopying } from "./copy.js";

const PAUSE = 1000; // milliseconds
const MAX_IDLE_ATTEMPTS = 30; // while nothing is in progress, or the portal does not answer

export function startProgress(root) {
  const part = root.querySelector("[data-progress]");
  if (!part) return;
  const said = document.createElement("p");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  part.after(said);
  if ("progressRunning" in part.dataset) setTimeout(() => poll(part, 0), PAUSE);
  root.addEventListener("submit", (event) => {
    if (event.target.matches("[data-progress-start]") && !event.defaultPrevented)
      setTimeout(() => poll(part, 0), PAUSE);
  });
}

async function poll(part, idle) {
  let again;
  try {
    const answer = await fetch(part.dataset.progress, { redirect: "error" });
    if (answer.status >= 400 && answer.status < 500) return standStill(part); // no further progress is available
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.querySelector("[data-progress]");
    const running = "progressRunning" in now.dataset;
    if (now.dataset.state === "ready") idle += 1;
    else {
      show(part, now);
      idle = 0;
    }
    again = running || (now.dataset.state === "ready" && idle < MAX_IDLE_ATTEMPTS);
  } catch {
    idle += 1; // the portal is briefly unavailable, or the session has ended
    again = idle < MAX_IDLE_ATTEMPTS;
  }
  if (again) setTimeout(() => poll(part, idle), PAUSE);
  else if ("progressRunning" in part.dataset) standStill(part);
}

/** Progress updates have stopped: show the link to check again, as without script. */
function standStill(part) {
  const words = part.querySelector("[data-progress-stopped]");
  if (words) words.hidden = false;
}

/** Replace only the numbers if nothing else has changed, so that a focused button keeps the focus. */
function show(part, now) {
  const kind = (one) => ("progressRunning" in one.dataset ? "running" : one.dataset.state);
  if (kind(part) === kind(now)) {
    for (const live of part.querySelectorAll("[data-live]")) {
      const fresh = now.querySelector(`[data-live="${live.dataset.live}"]`);
      if (live instanceof HTMLProgressElement) live.value = fresh.value;
      // The same text set once more would be announced once more.
      else if (live.textContent !== fresh.textContent) live.textContent = fresh.textContent;
    }
  } else {
    // Whoever is at work elsewhere on the page is not interrupted.
    const isFree = document.activeElement === document.body || part.contains(document.activeElement);
    part.replaceChildren(...now.childNodes);
    startCopying(part);
    const title = part.querySelector(".panel-title");
    if (title && isFree) {
      title.setAttribute("tabindex", "-1");
      title.focus(); // so that a screen reader announces the start or the end
    } else if (title) part.nextElementSibling.textContent = title.textContent; // announced; the focus stays
  }
  part.dataset.state = now.dataset.state;
  if ("progressRunning" in now.dataset) part.dataset.progressRunning = "";
  else delete part.dataset.progressRunning;
}

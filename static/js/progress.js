// [data-progress="address"]: shows how far a file is, by the same part of the page as the server writes it. It begins
// with the form [data-progress-start], whose answer is a file and no page, or at once where the file is under way.
import { startCopying } from "./copy.js";

const PAUSE = 1000; // milliseconds
const PATIENCE = 30; // times that a download may not have begun yet

export function startProgress(root) {
  const part = root.querySelector("[data-progress]");
  if (!part) return;
  if ("progressRunning" in part.dataset) setTimeout(() => look(part, 0), PAUSE);
  root.addEventListener("submit", (event) => {
    if (event.target.matches("[data-progress-start]") && !event.defaultPrevented) setTimeout(() => look(part, 0), PAUSE);
  });
}

async function look(part, idle) {
  let again;
  try {
    const answer = await fetch(part.dataset.progress, { redirect: "error" });
    if (answer.status >= 400 && answer.status < 500) return standStill(part); // it will not be told any more
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.querySelector("[data-progress]");
    const running = "progressRunning" in now.dataset;
    if (now.dataset.state === "ready") idle += 1;
    else {
      show(part, now);
      idle = 0;
    }
    again = running || (now.dataset.state === "ready" && idle < PATIENCE);
  } catch {
    idle += 1; // the portal is away for a moment, or the session has ended
    again = idle < PATIENCE;
  }
  if (again) setTimeout(() => look(part, idle), PAUSE);
  else if ("progressRunning" in part.dataset) standStill(part);
}

/** What stands there is not kept up any more: the way to look again is shown, as for readers without script. */
function standStill(part) {
  const words = part.querySelector("[data-progress-stopped]");
  if (words) words.hidden = false;
}

/** The numbers alone where nothing else has changed: a button that has the focus keeps it. */
function show(part, now) {
  const kind = (one) => ("progressRunning" in one.dataset ? "running" : one.dataset.state);
  if (kind(part) === kind(now)) {
    for (const live of part.querySelectorAll("[data-live]")) {
      const fresh = now.querySelector(`[data-live="${live.dataset.live}"]`);
      if (live instanceof HTMLProgressElement) live.value = fresh.value;
      else live.textContent = fresh.textContent;
    }
  } else {
    part.replaceChildren(...now.childNodes);
    startCopying(part);
    const title = part.querySelector(".panel-title");
    title?.setAttribute("tabindex", "-1");
    title?.focus(); // what has begun or ended is read out
  }
  part.dataset.state = now.dataset.state;
  if ("progressRunning" in now.dataset) part.dataset.progressRunning = "";
  else delete part.dataset.progressRunning;
}

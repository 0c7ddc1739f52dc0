// form[data-in-page]: sent by a request of the page, not by a navigation. If the connection fails, the entry stays as
// typed, with the same token, and the page shows what is known. Meanwhile a bar shows that it is being sent.
import { failedChoice, showFailedChoice } from "./carry.js";
import { takeAsSent } from "./drafts.js";
import { content, leaveFor, markStored, setSending } from "./leaving.js";
import { showPage } from "./page.js";
import { timeLimit } from "./time_limit.js";
import { announce, word } from "./words.js";

const PROBE = "/healthz";
const PROBE_LIMIT = 10_000; // milliseconds

/** Send a form. True if the page was replaced; false if the form stays and may be sent again. */
export async function sendInPage(form, submitter) {
  const pressed = submitter?.name ? [submitter.name, submitter.value] : null; // now: its text may change
  const sends = !submitter?.matches("[data-sends-nothing]"); // such a button only changes the form
  form.inert = true; // the answer would overwrite any change
  setSending(true);
  const failed = await failedChoice();
  if (failed) {
    form.inert = false;
    setSending(false);
    showFailedChoice(failed);
    return false;
  }
  const values = new URLSearchParams(new FormData(form));
  if (pressed) values.append(...pressed);
  const bar = sends ? showBar() : null;
  const done = await post(form, values, sends);
  if (done) return true; // the bar has disappeared with the page
  bar?.remove();
  form.inert = false;
  takeAsSent("mayHaveArrived" in form.dataset);
  setSending(false);
  form.previousElementSibling?.focus();
  return false;
}

async function post(form, values, sends) {
  // A request that did not leave the browser cannot have arrived.
  if (!(await isReachable())) return stand(form, "unreachable");
  let answer, html;
  try {
    const address = form.getAttribute("action") ?? location.pathname + location.search;
    answer = await fetch(address, {
      method: "POST",
      body: values,
      headers: { "Portal-Form": "in-page" },
      redirect: "error",
      signal: timeLimit(Number(form.dataset.inPage) * 1000), // a lost route can give no answer for minutes
    });
    const next = answer.headers.get("Portal-Location");
    if (next !== null) {
      await leaveFor(next);
      return sends && showStopped(form, next);
    }
    html = await answer.text();
  } catch {
    return stand(form, sends ? "lost" : "unreachable");
  }
  const page = new DOMParser().parseFromString(html, "text/html");
  const main = page.getElementById("main");
  if (main === null) return stand(form, sends ? "lost" : "unreachable"); // a page of a proxy, not of the portal
  if (main.querySelector("form[data-in-page], [data-replaces-form]") === null) return stand(form, "refused", main);
  if ("mayHaveArrived" in form.dataset) keepMark(form, page, sends);
  setSending(false);
  showPage(page, answer.url);
  return true;
}

/** The form of the page to show may have arrived, too, if it has the same token. Without a send, its panel stays. */
function keepMark(form, page, sends) {
  const next = page.querySelector("form[data-in-page]");
  if (next?.elements.token.value !== form.elements.token.value) return;
  next.dataset.mayHaveArrived = "";
  if (sends) return;
  next.dataset.mayBeSent = "";
  stand(next, "lost");
}

/** The portal has answered, but the browser did not load the next page. */
function showStopped(form, next) {
  markStored(form, content(form)); // by the portal, so that it can be left
  stand(form, "stopped");
  form.previousElementSibling.querySelector("a").href = next;
  return false;
}

async function isReachable() {
  try {
    await fetch(PROBE, { method: "HEAD", cache: "no-store", signal: timeLimit(PROBE_LIMIT) });
    return true; // any answer counts: a proxy may block the address
  } catch {
    return false;
  }
}

/** Show the named panel above the form, in place of an earlier one; with the text of a failure page if given. */
function stand(form, name, page = null) {
  // If a send may have arrived, the result of a later one does not change that; if one has, more is known.
  if ("mayHaveArrived" in form.dataset && name !== "stopped") [name, page] = ["lost", null];
  if (name === "lost" || name === "stopped") form.dataset.mayHaveArrived = "";
  const { ownerDocument } = form; // that of the page, or of the one to show
  const template = ownerDocument.querySelector(`template[data-in-page-answer="${name}"]`);
  const panel = template.content.firstElementChild.cloneNode(true);
  const title = panel.querySelector(".panel-title");
  title.id = "in-page-answer";
  panel.setAttribute("aria-labelledby", title.id);
  panel.dataset.inPageAnswer = name;
  delete panel.dataset.focus; // the page to show may have an answer of its own
  if (page) {
    title.lastElementChild.textContent = page.querySelector("h1").textContent.trim();
    panel.querySelector(".panel-body").prepend(...page.querySelectorAll("p"));
  }
  ownerDocument.querySelector("div[data-in-page-answer]")?.remove();
  form.before(panel);
  return false;
}

/** The bar is always in view. The counter is only visible; the sentence is announced once. */
function showBar() {
  const bar = document.createElement("div");
  const since = performance.now();
  const count = () => {
    bar.textContent = word("sendingFor", Math.floor((performance.now() - since) / 1000));
  };
  bar.className = "sending-bar no-print";
  bar.setAttribute("aria-hidden", "true");
  count();
  document.body.append(bar);
  const timer = setInterval(() => (bar.isConnected ? count() : clearInterval(timer)), 1000);
  announce(word("sendingNow"));
  return bar;
}

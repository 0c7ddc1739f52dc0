// A second submit of a form within a second is ignored, and the pressed button shows it. A convenience only:
// the token in the database prevents a second send. Names and values are posted unchanged.
import { isSending, startLeaving } from "./leaving.js";
import { sendInPage } from "./sending.js";
import { word } from "./words.js";

const PAUSE = 1000; // milliseconds

export function startSubmitting(root) {
  const lastSubmit = new WeakMap();
  const labels = new Map();
  const restore = (form) => {
    for (const [button, label] of labels) {
      if (form && button.form !== form) continue;
      setLabel(button, label);
      labels.delete(button);
    }
  };

  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("method")?.toLowerCase() !== "post") return; // form.method may be a field of that name
    const now = performance.now();
    if (now - (lastSubmit.get(form) ?? -PAUSE) < PAUSE || (isSending() && form.matches("[data-in-page]"))) {
      event.preventDefault();
      return;
    }
    if (event.defaultPrevented) return;
    // After the browser has collected the posted values, because the text of an input button is its value.
    const showing = setTimeout(() => showSending(form, event.submitter, labels), 0);
    const allowAgain = () => {
      clearTimeout(showing);
      lastSubmit.delete(form);
      restore(form);
    };
    if (form.matches("[data-in-page]")) {
      event.preventDefault();
      sendInPage(form, event.submitter).then((gone) => gone || allowAgain());
    } else startLeaving(form, allowAgain);
    lastSubmit.set(form, now); // last, because an earlier send of the form ends here
  });

  // After Back from the next page the form can be used again.
  addEventListener("pageshow", () => restore());
}

function showSending(form, submitter, labels) {
  for (const button of form.querySelectorAll("[data-sending-label]")) {
    const pressed = button === submitter || isTwin(button, submitter);
    if (!pressed || labels.has(button)) continue;
    labels.set(button, button instanceof HTMLInputElement ? button.value : button.textContent);
    setLabel(button, button.dataset.sendingLabel || word("sending"));
  }
}

/** Enter presses the hidden first button of the same name and value; the visible one shows "Sending…". */
function isTwin(button, submitter) {
  const same = (attribute) => button.getAttribute(attribute) === submitter?.getAttribute(attribute);
  return Boolean(submitter) && same("name") && same("value");
}

function setLabel(button, label) {
  if (button instanceof HTMLInputElement) button.value = label;
  else button.textContent = label;
}

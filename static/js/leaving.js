// form[data-warn-before-leaving]: the browser asks before it leaves a form with typed values, and only then.
// The value "unsaved" marks a form that was returned as typed: the server has not stored it, even if it is not changed.
// What is stored as a draft cannot be lost. A form that is sent takes its own values along, and not those of another.

let watched = new Map(); // form → its content as rendered; null if that is already unsaved
let stored = new Map(); // form → its content that is stored as a draft
let sending = false;
let sent = new Map(); // form → its content that the browser is sending by a navigation
let free = false; // no question any more: the page is left on purpose
let stayed = null; // what to do if the page is not left
let navigations = 0; // that the browser has started since the page was to be left

/** Notice that a navigation ended and the page is still shown. For the whole document, once. */
export function startStaying() {
  const { navigation } = globalThis; // browsers have it since 2022 to 2026
  navigation?.addEventListener("navigate", () => {
    navigations += 1;
  });
  // Firefox (153) does not say so; there, Escape stops it.
  navigation?.addEventListener("navigateerror", () => {
    if (navigations !== 1) return; // about the navigation before, or about one that was to replace it
    sent = new Map();
    update();
    // Not if another navigation replaces it: unless that one leaves the page, this one still does.
    setTimeout(() => navigations === 1 && stay(), 0);
  });
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && !document.querySelector("dialog[open]")) stay(); // there it only closes the dialog
  });
}

export function startWarning(root) {
  const forms = [...root.querySelectorAll("form[data-warn-before-leaving]")];
  watched = new Map(forms.map((form) => [form, form.dataset.warnBeforeLeaving === "unsaved" ? null : content(form)]));
  stored = new Map();
  sent = new Map();
  stayed = null;
  for (const form of forms) {
    form.addEventListener("input", update);
    form.addEventListener("change", update);
  }
  free = false;
  update();
}

/**
 * The browser leaves the page by sending this form: its values are not lost, those of another changed form are.
 * `step` is called if the page is not left.
 */
export function startLeaving(form, step) {
  expectLeaving(step);
  sent.set(form, content(form));
  update();
}

/** Leave for this address without a question: what was typed has been sent. Resolves only if the page is not left. */
export function leaveFor(address) {
  return new Promise((resolve) => {
    expectLeaving(resolve);
    allowLeaving();
    location.assign(address);
  });
}

/** Leave without a question: what was typed is no longer shown. */
export function allowLeaving() {
  free = true;
  update();
}

/** Whether the page is left on purpose. */
export function mayLeave() {
  return free;
}

/** This content of the form, which may have changed since, is stored. */
export function markStored(form, text) {
  stored.set(form, text);
  update();
}

/** While something is sent, the browser asks before leaving, even if no form was changed. */
export function setSending(now) {
  sending = now;
  update();
}

export function isSending() {
  return sending;
}

/** A navigation replaces one that is under way. */
function expectLeaving(step) {
  stay();
  stayed = step;
  navigations = 0;
}

/** The page is not left, so what the browser was sending can be lost. */
function stay() {
  if (!stayed) return;
  const step = stayed;
  stayed = null;
  sent = new Map();
  free = false;
  update();
  step();
}

function update() {
  const isChanged = ([form, rendered]) => ![rendered, stored.get(form), sent.get(form)].includes(content(form));
  const changed = [...watched].some(isChanged);
  // Only while values can be lost: a listener alone disables the back/forward cache of some browsers.
  if (!free && (changed || sending)) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
}

function ask(event) {
  event.preventDefault();
  event.returnValue = true; // browsers before 2024
  if (navigations < 2) setTimeout(stay, 0); // after the answer, which may be to stay
}

/** The values that would be lost: those that are not empty. Additional empty rows and what to carry over do not count. */
export function content(form) {
  const values = [...new FormData(form)].filter(
    ([name, value]) => value !== "" && !/_FORMS$|^carry-|^draft$/.test(name),
  );
  return JSON.stringify(values);
}

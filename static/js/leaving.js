// form[data-warn-before-leaving]: the browser asks before it leaves a form that holds something typed, and only then.
// With the value "unsaved" the form came back as it was typed: the server has it nowhere, even if nothing changes now.

let watched = new Map(); // form → its content as rendered; null where that is unsaved already
let sending = false;
let free = false; // nothing is asked any more: the page is being left on purpose

export function startWarning(root) {
  const forms = [...root.querySelectorAll("form[data-warn-before-leaving]")];
  watched = new Map(forms.map((form) => [form, form.dataset.warnBeforeLeaving === "unsaved" ? null : content(form)]));
  for (const form of forms) {
    form.addEventListener("input", update);
    form.addEventListener("change", update);
  }
  free = false;
  update();
}

/** Leave without a question: what was typed has been sent, or is no longer shown. */
export function allowLeaving() {
  free = true;
  update();
}

/** While something is sent, leaving is asked about, whatever the forms hold. */
export function setSending(now) {
  sending = now;
  update();
}

export function isSending() {
  return sending;
}

export function isWatched(form) {
  return watched.has(form);
}

function update() {
  const changed = [...watched].some(([form, rendered]) => rendered === null || content(form) !== rendered);
  // Only while there is something to lose: a listener alone keeps some browsers from going back quickly.
  if (!free && (changed || sending)) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
}

function ask(event) {
  event.preventDefault();
  event.returnValue = true; // browsers before 2024
}

/** What would be lost: the values that are not empty. An empty row more is no loss. */
function content(form) {
  const values = [...new FormData(form)].filter(([name, value]) => value !== "" && !name.endsWith("_FORMS"));
  return JSON.stringify(values);
}

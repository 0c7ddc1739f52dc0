// [data-carry]: applies the choice of what to carry over when a check box changes. The server stores it and returns the
// form with the choice applied; only the field of that check box is taken from it, and only if nobody has typed in it
// meanwhile. Without script its button does the same.
import { startLists } from "./lists.js";
import { timeLimit } from "./time_limit.js";
import { announce, word } from "./words.js";

const LIMIT = 10_000; // milliseconds for one choice
const underWay = new Set(); // one promise for each choice that is not applied yet

export function startCarrying(root) {
  const part = root.querySelector("[data-carry]");
  if (!part) return;
  part.querySelector("[data-carry-apply]").hidden = true;
  let last = Promise.resolve();
  part.addEventListener("change", ({ target }) => {
    const choice = last.then(() => choose(part, target)); // one after the other: the last choice is the stored one
    underWay.add(choice);
    last = choice.finally(() => underWay.delete(choice));
  });
}

/** Wait until every choice is applied, because it changes the values of the form. Returns a check box that failed. */
export async function failedChoice() {
  return (await Promise.all(underWay)).find(Boolean);
}

/** Move the focus to a check box that failed; the page says so beside it. */
export function showFailedChoice(box) {
  box.closest("[data-carry]").open = true;
  box.focus();
}

/** Apply the choice of one check box, and return the box if that fails. What is stored is in its attribute `checked`. */
async function choose(part, box) {
  const failure = part.querySelector("[data-carry-failed]");
  const wanted = box.checked;
  if (wanted === box.defaultChecked) return null;
  try {
    const isApplied = await apply(part, box, wanted);
    box.defaultChecked = wanted;
    shown(part).value = [...boxes(part)]
      .filter((one) => one.defaultChecked)
      .map(fieldOf)
      .join(" ");
    failure.hidden = true;
    announce(isApplied ? word("carryApplied") : word("carryKept"));
    return null;
  } catch {
    box.checked = box.defaultChecked;
    failure.hidden = false;
    announce(failure.textContent);
    return box;
  }
}

/** Whether the field was changed. Throws if the server did not answer with the form. */
async function apply(part, box, wanted) {
  const form = part.closest("form");
  const name = fieldOf(box);
  const button = part.querySelector("[data-carry-apply]");
  const body = new URLSearchParams(new FormData(form));
  body.append(button.name, button.value);
  body.delete("entry_of"); // a refused choice is not a sent entry, which would fill another form after signing in
  for (const one of boxes(part)) {
    body.delete(one.name);
    if (one === box ? wanted : one.defaultChecked) body.append(one.name, one.value);
  }
  const sent = valuesOf(form, name);
  const answer = await fetch(location.pathname + location.search, {
    method: "POST",
    body,
    headers: { "Portal-Form": "part" }, // without a session, the sign-in page says nothing about the choice
    redirect: "error",
    signal: timeLimit(LIMIT),
  });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const find = (where) => where.querySelector(`#${name}`) ?? where.querySelector(`#div_id_${name}`);
  const [mine, theirs] = [find(form), find(page)];
  if (!answer.ok || !mine || !theirs) throw new Error("the answer is not the form");
  if (valuesOf(form, name) !== sent) return false; // typed since
  const focused = mine.contains(document.activeElement) ? document.activeElement.id : "";
  mine.replaceWith(document.adoptNode(theirs));
  startLists(theirs);
  if (focused) focus(document.getElementById(focused) ?? theirs.querySelector("input:not([type=hidden]), select"));
  form.dispatchEvent(new Event("input", { bubbles: true }));
  return valuesOf(form, name) !== sent;
}

function focus(control) {
  control.focus();
  control.select?.(); // as if it was reached by Tab
}

function boxes(part) {
  return part.querySelectorAll("input[type=checkbox]");
}

function shown(part) {
  return part.querySelector("[data-carry-shown]");
}

function fieldOf(box) {
  return box.name.replace("carry-", "");
}

/** What the form would post for a field, or for a list of fields. */
function valuesOf(form, name) {
  const own = [...new FormData(form)].filter(([key]) => key === name || key.startsWith(`${name}-`));
  return JSON.stringify(own);
}

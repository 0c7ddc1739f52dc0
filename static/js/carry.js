// [data-carry]: applies the choice of what to carry over when a check box changes. The server stores it and returns the
// form with the choice applied; only the field of that check box is taken from it, and only if nobody has typed in it
// meanwhile. Without script its button does the same.
import { startLists } from "./lists.js";
import { announce, word } from "./words.js";

export function startCarrying(root) {
  const part = root.querySelector("[data-carry]");
  if (!part) return;
  part.querySelector("[data-carry-apply]").hidden = true;
  let last = Promise.resolve();
  part.addEventListener("change", ({ target }) => {
    last = last.then(() => choose(part, target)); // one after the other: the last choice is the stored one
  });
}

/** Apply the choice of one check box. What is stored is in its attribute `checked`. */
async function choose(part, box) {
  const failure = part.querySelector("[data-carry-failed]");
  const wanted = box.checked;
  if (wanted === box.defaultChecked) return;
  try {
    const isApplied = await apply(part, box, wanted);
    box.defaultChecked = wanted;
    shown(part).value = [...boxes(part)]
      .filter((one) => one.defaultChecked)
      .map(fieldOf)
      .join(" ");
    failure.hidden = true;
    announce(isApplied ? word("carryApplied") : word("carryKept"));
  } catch {
    box.checked = box.defaultChecked;
    failure.hidden = false;
    announce(failure.textContent);
  }
}

/** Whether the field was changed. Throws if the server did not answer with the form. */
async function apply(part, box, wanted) {
  const form = part.closest("form");
  const name = fieldOf(box);
  const button = part.querySelector("[data-carry-apply]");
  const body = new URLSearchParams(new FormData(form));
  body.append(button.name, button.value);
  for (const one of boxes(part)) {
    body.delete(one.name);
    if (one === box ? wanted : one.defaultChecked) body.append(one.name, one.value);
  }
  const sent = valuesOf(form, name);
  const answer = await fetch(location.pathname + location.search, { method: "POST", body, redirect: "error" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const find = (where) => where.getElementById(name) ?? where.getElementById(`div_id_${name}`);
  const [mine, theirs] = [find(document), find(page)];
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

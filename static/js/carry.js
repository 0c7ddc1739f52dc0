// [data-carry]: applies the choice of what to carry over when a check box changes. The server stores it and returns the
// form with the choice applied; only the field of that check box is taken from it. Without script its button does the same.
import { startLists } from "./lists.js";

export function startCarrying(root) {
  const part = root.querySelector("[data-carry]");
  if (!part) return;
  const button = part.querySelector("[data-carry-apply]");
  button.hidden = true;
  part.addEventListener("change", ({ target }) =>
    apply(part.closest("form"), button, target.name.replace("carry-", "")),
  );
}

async function apply(form, button, name) {
  const body = new URLSearchParams(new FormData(form));
  body.append(button.name, button.value);
  try {
    const answer = await fetch(location.pathname + location.search, { method: "POST", body, redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const find = (where) => where.getElementById(name) ?? where.getElementById(`div_id_${name}`);
    const [mine, theirs] = [find(document), find(page)];
    if (!mine || !theirs) return; // a page of another kind, for example the sign-in page
    mine.replaceWith(document.adoptNode(theirs));
    startLists(theirs);
    form.dispatchEvent(new Event("input", { bubbles: true }));
  } catch {
    // The choice is not stored; the field can be filled by hand.
  }
}

// [data-limit="100"]: shows how many characters are left when a text comes near its limit, and how many are too many.
// The browser does not cut the text; the server refuses it if it is too long and counts in the same way: code points,
// without surrounding blanks and invisible characters, a line break as one.
import { announce, word } from "./words.js";

const NEAR = 0.9; // of the limit
const SETTLED = 1000; // milliseconds without a key before the count is announced
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800\uFFF9-\uFFFB]/gu;
const SHAPING = /\u200C|\u200D|[\uFE00-\uFE0F]/; // names may contain these
const AROUND = /^[\t\r\n\p{Z}]+|[\t\r\n\p{Z}]+$/gu;

export function startCounting(root) {
  const counters = new WeakMap();
  let timer = 0;
  // One listener for all fields, because rows are added and removed.
  root.addEventListener("input", ({ target }) => {
    if (!(target instanceof HTMLElement) || !target.matches("[data-limit]:not([data-date-echo])")) return;
    const left = Number(target.dataset.limit) - countCharacters(target.value);
    const text = sentence(left, Number(target.dataset.limit));
    if (!text && !counters.has(target)) return;
    if (!counters.has(target)) counters.set(target, addCounter(target));
    const counter = counters.get(target);
    counter.textContent = text;
    counter.classList.toggle("counter-over", left < 0);
    clearTimeout(timer);
    if (text) timer = setTimeout(() => announce(text), SETTLED);
  });
}

/** Characters as the server counts them. */
function countCharacters(text) {
  const seen = text.replace(INVISIBLE, (character) => (SHAPING.test(character) ? character : ""));
  return [...seen.replace(AROUND, "")].length;
}

function sentence(left, limit) {
  if (left < 0) return word("charactersOver", -left);
  return limit - left >= limit * NEAR ? word("charactersLeft", left) : "";
}

function addCounter(field) {
  const counter = document.createElement("div");
  counter.className = "form-text counter";
  field.before(counter); // above the control, so that controls side by side stay on one line
  return counter;
}

// [data-date-echo]: shows how a typed date is read, and offers the browser's own calendar. The text field is
// posted; only a choice in the calendar changes it.
import { mayGrow, readDate } from "./date_reading.js";
import { announce, word } from "./words.js";

const LANGUAGE = document.documentElement.lang || "en-GB";
const SHOWN = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const SETTLED = 600; // milliseconds without a key before the reading is announced
const PAUSED = 2000; // milliseconds without a key before 7/3/19 counts as complete and not as the start of 7/3/1991
const MIDDLE_AGE = 40; // years: the calendar opens there for an empty date of birth
const CALENDAR_HEIGHT = 360; // CSS pixels, the approximate height of the browser's calendar below its field

export function startDates(root) {
  for (const field of root.querySelectorAll("[data-date-echo]")) startDate(field);
}

function startDate(field) {
  const echo = document.getElementById(`${field.id}_echo`);
  const refusal = document.getElementById(`${field.id}_error`); // the server's message about the posted text
  const sent = field.defaultValue;
  echo.classList.remove("needs-script");
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
  let timer = 0;
  const show = ({ spoken = false, finished = false } = {}) => {
    const refused = refusal !== null && field.value === sent;
    const reading = read(field);
    const fault = faultOf(reading, field, finished);
    const said = echo.textContent;
    echo.textContent = fault ? (refused ? "" : fault) : reading instanceof Date ? shown(reading) : "";
    echo.classList.toggle("date-echo-wrong", fault !== "");
    if (refusal) refusal.hidden = !refused; // one message per error
    const texts = described.filter((id) => refused || id !== refusal?.id);
    field.setAttribute("aria-describedby", [...texts, echo.id].join(" "));
    clearTimeout(timer);
    if (finished && echo.textContent !== said) announce(echo.textContent);
    else if (spoken && echo.textContent) timer = setTimeout(() => announce(echo.textContent), SETTLED);
    else if (spoken && reading === "short-year") timer = setTimeout(() => show({ finished: true }), PAUSED);
  };
  field.addEventListener("input", () => show({ spoken: true }));
  field.addEventListener("change", () => show({ finished: true })); // the field was left, or Enter
  addEventListener("pageshow", () => show()); // a restored page has its old text
  show();
  startPicker(field);
}

function read(field) {
  return readDate(field.value, { order: field.dataset.dateOrder, language: LANGUAGE });
}

/** Why the server will refuse the date; empty if it will accept it or if the text is not complete. */
function faultOf(reading, field, finished) {
  if (reading === null) return "";
  if (reading === "short-year") return finished || !mayGrow(field.value) ? word("shortYear") : "";
  if (reading === "impossible") return word("noSuchDate");
  if (field.dataset.dateAny !== undefined) return "";
  return reading < today() ? "" : word("dateNotPast");
}

/** Midnight of today in UTC, as on the server. */
function today() {
  return new Date(`${new Date().toISOString().slice(0, 10)}T00:00:00Z`);
}

/** A date as on the receipt, with a four-digit year. */
function shown(date) {
  const parts = SHOWN.formatToParts(date);
  return parts.map(({ type, value }) => (type === "year" ? value.padStart(4, "0") : value)).join("");
}

function startPicker(field) {
  const picker = field.parentElement.querySelector(".date-picker");
  const native = picker?.querySelector("[data-date-native]"); // without a name: it is never posted
  if (!native?.showPicker) return;
  const past = field.dataset.dateAny === undefined;
  picker.classList.remove("needs-script");
  picker.querySelector("[data-date-open]").addEventListener("click", () => {
    const reading = read(field);
    if (past) native.max = isoDay(yearsBack(0, -1));
    native.value = reading instanceof Date ? isoDay(reading) : past ? isoDay(yearsBack(MIDDLE_AGE)) : "";
    makeRoom(native);
    native.showPicker();
  });
  native.addEventListener("change", () => {
    if (!native.valueAsDate) return;
    field.value = shown(native.valueAsDate);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
}

function yearsBack(years, days = 0) {
  const date = today();
  date.setUTCFullYear(date.getUTCFullYear() - years, date.getUTCMonth(), date.getUTCDate() + days);
  return date;
}

function isoDay(date) {
  return date.toISOString().slice(0, 10);
}

/** Scroll so that the calendar opens below its field; above the field it would cover the label and the hint. */
function makeRoom(native) {
  const missing = native.getBoundingClientRect().bottom + CALENDAR_HEIGHT - innerHeight;
  if (missing > 0) scrollBy({ top: missing, behavior: "instant" });
}

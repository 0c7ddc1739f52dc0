// [data-date-echo]: says how a typed date is read, and offers the browser's own calendar. The text field is what is
// posted; only a choice in the calendar writes into it. The server reads dates by the same rules.
import { announce, word } from "./words.js";

const LANGUAGE = document.documentElement.lang || "en-GB";
const SHOWN = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const MONTHS = [LANGUAGE, "en-GB"].map(monthNames);
const LONGEST = 40; // characters, as the field takes them
const SETTLED = 600; // milliseconds without a key before the reading is spoken

function monthNames(language) {
  const shown = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });
  return Array.from({ length: 12 }, (_, month) => shown.format(Date.UTC(2000, month)).toLowerCase());
}

export function startDates(root) {
  for (const field of root.querySelectorAll("[data-date-echo]")) startDate(field);
}

function startDate(field) {
  const echo = document.createElement("div");
  echo.className = "form-text date-echo";
  echo.id = `${field.id}_echo`;
  field.after(echo);
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${echo.id}`.trim());
  let timer = 0;
  const show = (spoken) => {
    const reading = readDate(field.value, field.dataset.dateOrder);
    const fault = faultOf(reading, field.dataset.dateAny !== undefined);
    echo.textContent = fault || (reading === null ? "" : shown(reading));
    echo.classList.toggle("date-echo-wrong", fault !== "");
    clearTimeout(timer);
    if (spoken && echo.textContent) timer = setTimeout(() => announce(echo.textContent), SETTLED);
  };
  field.addEventListener("input", () => show(true));
  addEventListener("pageshow", () => show(false)); // a restored page has its old text
  show(false);
  addPicker(field);
}

/** Why the server will refuse a reading; empty where it will not, or where nothing is read yet. anyDay: not only past ones. */
function faultOf(reading, anyDay) {
  if (reading === null) return "";
  if (reading === "impossible") return word("noSuchDate");
  if (anyDay) return "";
  return reading < Date.parse(new Date().toISOString().slice(0, 10)) ? "" : word("dateNotPast"); // before today in UTC
}

/** A date as it is on the receipt, where every year has four digits. */
function shown(date) {
  const parts = SHOWN.formatToParts(date);
  return parts.map(({ type, value }) => (type === "year" ? value.padStart(4, "0") : value)).join("");
}

function addPicker(field) {
  const native = document.createElement("input"); // without a name: it is never posted
  if (!native.showPicker) return;
  native.type = "date";
  native.tabIndex = -1;
  native.setAttribute("aria-hidden", "true");
  if (field.dataset.dateMax) native.max = field.dataset.dateMax;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-secondary";
  button.textContent = word("chooseDate");
  const picker = document.createElement("span");
  picker.className = "date-picker no-print";
  picker.append(button, native);
  field.after(picker);
  button.addEventListener("click", () => {
    const reading = readDate(field.value, field.dataset.dateOrder);
    native.value = reading instanceof Date ? reading.toISOString().slice(0, 10) : "";
    native.showPicker();
  });
  native.addEventListener("change", () => {
    if (!native.valueAsDate) return;
    field.value = shown(native.valueAsDate);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
}

// The shapes of apps/core/dates.py, one for one.
const BLANKS_AROUND = /^[\t\r\n\p{Z}]+|[\t\r\n\p{Z}]+$/gu;
const UNREADABLE = /[\p{Cc}\uFEFF]/u; // the server refuses them; JavaScript would take some for blanks
const ISO = /^(\d{4})[\s./-]+(\d{1,2})[\s./-]+(\d{1,2})$/;
const NUMBERS = /^(\d{1,2})[\s./-]+(\d{1,2})[\s./-]+(\d{4})$/;
const DAY_WORD_YEAR = /^(\d{1,2})[\s./-]*(\p{L}+)\.?[\s,./-]*(\d{4})$/u;
const WORD_DAY_YEAR = /^(\p{L}+)\.?[\s./-]*(\d{1,2})[\s,./-]+(\d{4})$/u;

/** A Date at midnight UTC; "impossible" for a date of a known shape that the calendar lacks; null for anything else. */
export function readDate(text, order = "day-month") {
  const typed = text.replace(BLANKS_AROUND, "");
  if (typed.length > LONGEST || UNREADABLE.test(typed)) return null;
  let match = typed.match(ISO);
  if (match && match[3] === "0") return null; // 1991-03-0 is on its way to 1991-03-07
  if (match) return calendarDate(match[1], match[2], match[3]);
  match = typed.match(NUMBERS);
  if (match && order === "month-day") return calendarDate(match[3], match[1], match[2]);
  if (match) return calendarDate(match[3], match[2], match[1]);
  match = typed.match(DAY_WORD_YEAR);
  if (match) return namedDate(match[3], match[2], match[1]);
  match = typed.match(WORD_DAY_YEAR);
  return match ? namedDate(match[3], match[1], match[2]) : null;
}

/** A word that is no month is a word half typed: nothing to say about it yet. */
function namedDate(year, word, day) {
  const month = monthOf(word.toLowerCase());
  return month ? calendarDate(year, month, day) : null;
}

function calendarDate(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const same = date.getUTCFullYear() === Number(year) && date.getUTCMonth() === month - 1 && date.getUTCDate() === Number(day);
  return same && Number(year) > 0 ? date : "impossible";
}

/** 1 to 12 for a month's full name or its first three letters; 0 for anything else. */
function monthOf(word) {
  for (const names of MONTHS) {
    const month = names.findIndex((name) => word === name || word === name.slice(0, 3)) + 1;
    if (month) return month;
  }
  return 0;
}

// [data-date-echo]: shows how a typed date is read, and offers the browser's own calendar. The text field is
// posted; only a choice in the calendar changes it. The server reads dates by the same rules.
import { announce, word } from "./words.js";

const LANGUAGE = document.documentElement.lang || "en-GB";
const SHOWN = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const MONTHS = [LANGUAGE, "en-GB"].map(monthNames);
const LONGEST = 40; // characters, the field's limit
const SETTLED = 600; // milliseconds without a key before the reading is announced
const PAUSED = 2000; // milliseconds without a key before 7/3/19 counts as complete and not as the start of 7/3/1991
const MIDDLE_AGE = 40; // years: the calendar opens there for an empty date of birth
const CALENDAR_HEIGHT = 360; // CSS pixels, the approximate height of the browser's calendar below its field

function monthNames(language) {
  const shown = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });
  return Array.from({ length: 12 }, (_, month) => shown.format(Date.UTC(2000, month)).toLowerCase());
}

export function startDates(root) {
  for (const field of root.querySelectorAll("[data-date-echo]")) startDate(field);
}

function startDate(field) {
  const echo = document.getElementById(`${field.id}_echo`);
  const refusal = document.getElementById(`${field.id}_error`); // the server's message about the posted text
  const sent = field.defaultValue;
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
  let timer = 0;
  const show = ({ spoken = false, finished = false } = {}) => {
    const refused = refusal !== null && field.value === sent;
    const reading = readDate(field.value, field.dataset.dateOrder);
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

/** Why the server will refuse the date; empty if it will accept it or if the text is not complete. */
function faultOf(reading, field, finished) {
  if (reading === null) return "";
  if (reading === "short-year") return finished || !mayGrow(field.value) ? word("shortYear") : "";
  if (reading === "impossible") return word("noSuchDate");
  if (field.dataset.dateAny !== undefined) return "";
  return reading < today() ? "" : word("dateNotPast");
}

/** Whether two final digits may be the first half of a year (18, 19 or 20), or of eight digits in a row. */
function mayGrow(text) {
  return /(?:18|19|20)$/.test(text.trim()) || /^\d{6}$/.test(plain(text.trim()));
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
  document.getElementById(`${field.id}_echo`).classList.remove("needs-script");
  picker.querySelector("[data-date-open]").addEventListener("click", () => {
    const reading = readDate(field.value, field.dataset.dateOrder);
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

// The same patterns as in apps/core/dates.py.
const BLANKS_AROUND = /^[\t\r\n\p{Z}]+|[\t\r\n\p{Z}]+$/gu;
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800\uFFF9-\uFFFB]/gu; // as apps/core/text.py removes them
const UNREADABLE = /\p{Cc}/u; // the server refuses them; JavaScript treats some as blanks
const FULL_WIDTH = /[\uFF01-\uFF5E]/g;
const DASHES = /[\u2010-\u2013\u2212]/g;
const GAP = "[\\s./-]";
const DAY = "(\\d{1,2})";
const ORDINAL = "(?:st|nd|rd|th)?";
const WORD = "(\\p{L}+)";
const YEAR = "(\\d{4}|\\d{2})";
const MIDNIGHT = "(?:[Tt\\s]\\s*00:00(?::00(?:[.,]0+)?)?\\s*(?:[Zz]|[+-]\\d{2}:?\\d{2})?)?";
const ISO = whole(`(\\d{4})${GAP}+${DAY}${GAP}+${DAY}${MIDNIGHT}`);
const NUMBERS = whole(`${DAY}${GAP}+${DAY}${GAP}+${YEAR}`);
const DIGITS = whole("\\d{6}|\\d{8}");
const DAY_WORD_YEAR = whole(`${DAY}${ORDINAL}${GAP}*(?:of\\s+)?${WORD}\\.?[\\s,./-]*'?${YEAR}`);
const WORD_DAY_YEAR = whole(`${WORD}\\.?${GAP}*${DAY}${ORDINAL}[\\s,./-]+'?${YEAR}`);
const YEAR_WORD_DAY = whole(`(\\d{4})[\\s,./-]*${WORD}\\.?${GAP}*${DAY}${ORDINAL}`);

function whole(pattern) {
  return new RegExp(`^(?:${pattern})$`, "iu");
}

/** Without a final full stop; full-width forms, dashes and apostrophes replaced by their ASCII forms. */
function plain(text) {
  return text
    .replace(FULL_WIDTH, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(DASHES, "-")
    .replace(/\u2019/g, "'")
    .replace(/\s*\.$/, "");
}

/**
 * A Date at midnight UTC; "impossible" for a date of a known pattern that does not exist; "short-year" if the year
 * has two digits; null for anything else.
 */
export function readDate(text, order = "day-month") {
  const seen = text.replace(INVISIBLE, "").replace(BLANKS_AROUND, "");
  if (seen.length > LONGEST || UNREADABLE.test(seen)) return null;
  const typed = plain(seen);
  let match = typed.match(ISO);
  if (match && match[3] === "0") return null; // 1991-03-0 is the start of 1991-03-07
  if (match) return calendarDate(match[1], match[2], match[3]);
  match = typed.match(NUMBERS);
  if (match) return inOrder(match[1], match[2], match[3], order);
  if (DIGITS.test(typed)) return fromDigits(typed, order);
  match = typed.match(DAY_WORD_YEAR);
  if (match) return namedDate(match[3], match[2], match[1]);
  match = typed.match(WORD_DAY_YEAR);
  if (match) return namedDate(match[3], match[1], match[2]);
  match = typed.match(YEAR_WORD_DAY);
  if (match && match[3] === "0") return null;
  return match ? namedDate(match[1], match[2], match[3]) : null;
}

function inOrder(first, second, year, order) {
  return order === "month-day" ? calendarDate(year, first, second) : calendarDate(year, second, first);
}

/** Six digits lack the century. Eight are read in the configured order, or as year, month, day; not if both fit. */
function fromDigits(digits, order) {
  if (digits.length < 8) return "short-year";
  const readings = [
    inOrder(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4), order),
    calendarDate(digits.slice(0, 4), digits.slice(4, 6), digits.slice(6)),
  ].filter((reading) => reading instanceof Date);
  if (readings.length > 1) return null;
  return readings[0] ?? "impossible";
}

/** A word that is not a month may be half typed, so no message is shown. */
function namedDate(year, word, day) {
  const month = monthOf(word.toLowerCase());
  return month ? calendarDate(year, month, day) : null;
}

function calendarDate(year, month, day) {
  if (year.length < 4) return "short-year";
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const same = date.getUTCFullYear() === Number(year) && date.getUTCMonth() === month - 1 && date.getUTCDate() === Number(day);
  return same && Number(year) > 0 ? date : "impossible";
}

/** 1 to 12 for a month's full name or its first three letters; 0 for anything else. */
function monthOf(word) {
  if (word === "sept") return 9;
  for (const names of MONTHS) {
    const month = names.findIndex((name) => word === name || word === name.slice(0, 3)) + 1;
    if (month) return month;
  }
  return 0;
}

// Reads a date as people write it, by the same rules as the server: apps/core/dates.py, and the cleaning of a field in
// apps/core/forms/input.py. tests/support/date_cases.json has the cases that both must read alike.

const LONGEST = 40; // characters, the field's limit
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
const FIRST_YEAR = 1800; // of eight digits
const DAY_WORD_YEAR = whole(`${DAY}${ORDINAL}${GAP}*(?:of\\s+)?${WORD}\\.?[\\s,./-]*'?${YEAR}`);
const WORD_DAY_YEAR = whole(`${WORD}\\.?${GAP}*${DAY}${ORDINAL}[\\s,./-]+'?${YEAR}`);
const YEAR_WORD_DAY = whole(`(\\d{4})[\\s,./-]*${WORD}\\.?${GAP}*${DAY}${ORDINAL}`);
const ENGLISH_MONTHS = monthNames("en-GB");

function whole(pattern) {
  return new RegExp(`^(?:${pattern})$`, "iu");
}

/** Without invisible characters and blanks around it. */
function withoutInvisible(text) {
  return text.replace(INVISIBLE, "").replace(BLANKS_AROUND, "");
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
 * has two digits; null for anything else. Months are read in English and in the language of the page. Numbers alone
 * are in the order "day-month" or "month-day".
 */
export function readDate(text, { order = "day-month", language = "en-GB" } = {}) {
  const visible = withoutInvisible(text);
  if (visible.length > LONGEST || UNREADABLE.test(visible)) return null;
  const typed = plain(visible);
  let match = typed.match(ISO);
  if (match && match[3] === "0") return null; // 1991-03-0 is the start of 1991-03-07
  if (match) return calendarDate(match[1], match[2], match[3]);
  match = typed.match(NUMBERS);
  if (match) return inOrder(match[1], match[2], match[3], order);
  if (DIGITS.test(typed)) return fromDigits(typed, order);
  match = typed.match(DAY_WORD_YEAR);
  if (match) return namedDate(match[3], match[2], match[1], language);
  match = typed.match(WORD_DAY_YEAR);
  if (match) return namedDate(match[3], match[1], match[2], language);
  match = typed.match(YEAR_WORD_DAY);
  if (match && match[3] === "0") return null;
  return match ? namedDate(match[1], match[2], match[3], language) : null;
}

/** Whether two final digits may be the first half of a year (18, 19 or 20), or of eight digits in a row. */
export function mayGrow(text) {
  const typed = plain(withoutInvisible(text));
  return /(?:18|19|20)$/.test(typed) || /^\d{6}$/.test(typed);
}

function inOrder(first, second, year, order) {
  return order === "month-day" ? calendarDate(year, first, second) : calendarDate(year, second, first);
}

/** Six digits lack the century. Eight are read in the configured order, or as year, month, day. */
function fromDigits(digits, order) {
  if (digits.length < 8) return "short-year";
  if (Number(digits.slice(4)) >= FIRST_YEAR) {
    return inOrder(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4), order);
  }
  if (Number(digits.slice(0, 4)) < FIRST_YEAR) return "impossible";
  return calendarDate(digits.slice(0, 4), digits.slice(4, 6), digits.slice(6));
}

/** A word that is not a month may be half typed, so no message is shown. */
function namedDate(year, name, day, language) {
  const month = monthOf(name.toLowerCase(), language);
  return month ? calendarDate(year, month, day) : null;
}

function calendarDate(year, month, day) {
  if (year.length < 4) return "short-year";
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const same =
    date.getUTCFullYear() === Number(year) && date.getUTCMonth() === month - 1 && date.getUTCDate() === Number(day);
  return same && Number(year) > 0 ? date : "impossible";
}

/** 1 to 12 for a month's full name or its first three letters; 0 for anything else. */
function monthOf(name, language) {
  if (name === "sept") return 9;
  for (const months of [monthNames(language), ENGLISH_MONTHS]) {
    const month = months.findIndex((one) => name === one || name === one.slice(0, 3)) + 1;
    if (month) return month;
  }
  return 0;
}

function monthNames(language) {
  const shown = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });
  return Array.from({ length: 12 }, (_, month) => shown.format(Date.UTC(2000, month)).toLowerCase());
}

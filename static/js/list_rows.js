// What lists.js does with texts, without the page: splitting a pasted text, choosing rows for its values, row numbers.
// tests/support/paste_cases.json has the texts that the server must split into the same values.

// A comma in front of an address belongs to a name: Doe, Jane <jane@example.com>
const BETWEEN_ADDRESSES = /[;\t\r\n\u2028\u2029]+|(?<=@[^,]*)(?:,\s*)+/;
const BETWEEN_OTHERS = /[,;\t\r\n\u2028\u2029]+/;

/** The values in a pasted text. */
export function splitPasted(text) {
  const parts = text.split(text.includes("@") ? BETWEEN_ADDRESSES : BETWEEN_OTHERS);
  return parts.map((part) => part.trim()).filter(Boolean);
}

/**
 * Pairs of row and text for pasted values: the row in which they were pasted, the empty rows after it, then new rows.
 * If there are too few, the last row has all further values, and the server reports it. `values` are those of the
 * existing rows, `at` is the row of the paste, `max` the number of rows that the list may have.
 */
export function chooseRows(pasted, { values, at, max }) {
  const end = Math.max(values.length, Math.min(max, values.length + pasted.length));
  const rows = [at];
  for (let row = at + 1; row < end && rows.length < pasted.length; row += 1) {
    if (row >= values.length || values[row] === "") rows.push(row);
  }
  const last = rows.length - 1;
  return rows.map((row, index) => [row, index < last ? pasted[index] : pasted.slice(last).join(", ")]);
}

/** A function (text, position) that replaces the row number of a name or an id, and `__prefix__` in the template. */
export function rowNumberer(prefix) {
  // "emails-3", also within "id_emails-3-value", but not "more-emails-3".
  const pattern = new RegExp(`(?<![A-Za-z0-9-])${prefix.replace(/[^\w]/g, "\\$&")}-(\\d+|__prefix__)`, "g");
  return (text, position) => text.replace(pattern, `${prefix}-${position}`);
}

// The reading of typed dates, with the same table as the server: tests/unit/core/test_dates.py.
import assert from "node:assert/strict";
import test from "node:test";
import { mayGrow, readDate } from "../../static/js/date_reading.js";
import groups from "../support/date_cases.json" with { type: "json" };

const ORDERS = ["day-month", "month-day"];

function named(reading) {
  return reading instanceof Date ? reading.toISOString().slice(0, 10) : (reading ?? "not-a-date");
}

for (const { what, texts, ...expected } of groups) {
  test(`read as the server reads them: ${what}`, () => {
    for (const order of ORDERS) {
      const readings = texts.map((text) => [text, named(readDate(text, { order }))]);
      assert.deepEqual(
        readings,
        texts.map((text) => [text, expected[order]]),
      );
    }
  });
}

test("nothing is said about the first part of a date", () => {
  const dates = groups.filter((group) => /^(?:1[89]|20)\d\d-/.test(group["day-month"])).flatMap(({ texts }) => texts);
  assert.ok(dates.length > 40);
  for (const text of dates) {
    for (let end = 0; end < text.length; end += 1) {
      const part = text.slice(0, end);
      const reading = readDate(part);
      const silent = reading === null || reading instanceof Date || (reading === "short-year" && mayGrow(part));
      assert.ok(silent, `"${part}" of "${text}" is ${reading}`);
    }
  }
});

test("a year of two digits that cannot become a complete one is reported at once", () => {
  assert.deepEqual(["7/3/91", "7/3/20", "7 March 19", "070391", "7 3 1991"].map(mayGrow), [
    false,
    true,
    true,
    true,
    false,
  ]);
});

test("months are read in the language of the page and in English, by name and by three letters", () => {
  for (const language of ["en-GB", "fr", "de"]) {
    const shown = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });
    for (let month = 0; month < 12; month += 1) {
      const date = new Date(Date.UTC(1991, month, 7));
      const english = new Intl.DateTimeFormat("en", { month: "long", timeZone: "UTC" }).format(date);
      for (const name of [shown.format(date), english, english.slice(0, 3)]) {
        assert.deepEqual(readDate(`7 ${name} 1991`, { language }), date);
      }
    }
  }
  assert.equal(readDate("7 mai 1991"), null);
});

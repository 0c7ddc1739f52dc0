// The rows of a list: splitting a pasted text, with the same table as the server (tests/unit/consumers/test_pasted_lists.py),
// choosing rows for the values, and numbering.
import assert from "node:assert/strict";
import test from "node:test";
import { chooseRows, rowNumberer, splitPasted } from "../../static/js/list_rows.js";
import cases from "../support/paste_cases.json" with { type: "json" };

for (const { pasted, rows } of cases) {
  test(`pasted: ${JSON.stringify(pasted)}`, () => assert.deepEqual(splitPasted(pasted), rows));
}

test("values go to the row of the paste, to the empty rows after it, then to new rows", () => {
  const rows = chooseRows(["a", "b", "c", "d"], { values: ["", "x", "", "y", ""], at: 1, max: 10 });
  assert.deepEqual(rows, [
    [1, "a"],
    [2, "b"],
    [4, "c"],
    [5, "d"],
  ]);
});

test("empty rows that the server rendered beyond the limit are used", () => {
  const rows = chooseRows(["a", "b"], { values: ["x", "y", ""], at: 0, max: 2 });
  assert.deepEqual(rows, [
    [0, "a"],
    [2, "b"],
  ]);
});

test("a filled row keeps its value, and an empty row before the paste stays empty", () => {
  const rows = chooseRows(["a", "b"], { values: ["", "x", "y"], at: 1, max: Infinity });
  assert.deepEqual(rows, [
    [1, "a"],
    [3, "b"],
  ]);
});

test("without enough rows the last one has all further values, so that none is lost", () => {
  assert.deepEqual(chooseRows(["a", "b", "c", "d"], { values: ["", "x"], at: 0, max: 3 }), [
    [0, "a"],
    [2, "b, c, d"],
  ]);
  assert.deepEqual(chooseRows(["a", "b"], { values: ["x"], at: 0, max: 1 }), [[0, "a, b"]]);
  assert.deepEqual(chooseRows(["a", "b"], { values: ["", "x", "y"], at: 0, max: 2 }), [[0, "a, b"]]);
});

test("only the complete row number of its own list is replaced", () => {
  const renumbered = rowNumberer("emails");
  assert.equal(renumbered("emails-3-value", 1), "emails-1-value");
  assert.equal(
    renumbered("id_emails-3-value_error id_emails-3-value_echo", 0),
    "id_emails-0-value_error id_emails-0-value_echo",
  );
  assert.equal(renumbered("emails-__prefix__-value", 12), "emails-12-value");
  for (const other of ["emails-TOTAL_FORMS", "more-emails-3", "phones-3-value"]) {
    assert.equal(renumbered(other, 1), other);
  }
  assert.equal(renumbered("emails-30", 1), "emails-1");
});

test("a prefix with special characters is matched literally", () => {
  assert.equal(rowNumberer("a.b")("a.b-0 axb-0", 5), "a.b-5 axb-0");
});

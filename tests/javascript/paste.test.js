// A document reader that types like a keyboard, with times given to each key.
import assert from "node:assert/strict";
import test from "node:test";
import { readerKeys } from "../../static/js/paste_reading.js";

const TD3 = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
const TD1 = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"];

/** The numbers of the keys at which the keys are taken for a document. `pause` is a number, or one for each key. */
function taken(lines, pause) {
  const ends = readerKeys();
  const keys = lines.flatMap((line) => [...line, "Enter"]);
  let time = 1000;
  return keys.flatMap((key, index) => {
    time += typeof pause === "function" ? pause(index) : pause;
    return ends(key, time) ? [index + 1] : [];
  });
}

test("a document is taken at the Enter after its last line", () => {
  assert.deepEqual(taken(TD3, 5), [90]);
  assert.deepEqual(taken(TD1, 20), [93]);
  assert.deepEqual(
    taken(
      TD3.map((line) => line.toLowerCase()),
      5,
    ),
    [90],
  );
});

test("two documents in a row are taken twice", () => {
  assert.deepEqual(taken([...TD3, ...TD3], 5), [90, 180]);
});

test("slow typing is never taken", () => {
  assert.deepEqual(taken(TD3, 51), []);
  for (let slow = 1; slow < 90; slow += 1) {
    assert.deepEqual(
      taken(TD3, (index) => (index === slow ? 200 : 5)),
      [],
    );
  }
});

test("a part of a document or another text is not taken", () => {
  assert.deepEqual(taken(TD3.slice(0, 1), 5), []);
  assert.deepEqual(taken(TD1.slice(0, 2), 5), []);
  assert.deepEqual(
    taken(
      TD3.map((line) => line.slice(1)),
      5,
    ),
    [],
  );
  assert.deepEqual(
    taken(
      TD3.map((line) => line.replaceAll("<", "\t")),
      5,
    ),
    [],
  );
  assert.deepEqual(taken(["", "", ""], 1), []);
});

test("keys without a character neither end nor interrupt it", () => {
  const ends = readerKeys();
  const keys = TD3.flatMap((line) =>
    [...line].flatMap((key) => (key === "<" ? ["Shift", key] : [key])).concat("Enter"),
  );
  assert.equal(keys.map((key, index) => ends(key, index * 5)).filter(Boolean).length, 1);
});

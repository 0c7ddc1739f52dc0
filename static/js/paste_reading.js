// Whether keys come from a document reader: the lines of a whole machine-readable zone (MRZ), each key within a pause
// that no person reaches for so long, ended by Enter.

const LONGEST_PAUSE = 50; // milliseconds between two keys; readers need 1 to 20
const SHAPES = ["30,30,30", "36,36", "44,44"]; // characters of the lines: ICAO Doc 9303, TD1; TD2, MRV-B; TD3, MRV-A

/** A function (key, time in milliseconds) that is true for the Enter that ends a whole MRZ. Keys as in KeyboardEvent. */
export function readerKeys() {
  let typed = "";
  let last = Number.NEGATIVE_INFINITY;
  return (key, time) => {
    if (key.length > 1 && key !== "Enter") return false; // Shift and the like
    if (time - last > LONGEST_PAUSE) typed = "";
    last = time;
    if (key !== "Enter") {
      typed += key;
      return false;
    }
    const whole = isWhole(typed);
    typed = whole ? "" : `${typed}\n`;
    return whole;
  };
}

function isWhole(typed) {
  const lines = typed.split("\n").filter(Boolean);
  return (
    SHAPES.includes(lines.map((line) => line.length).join(",")) && lines.every((line) => /^[A-Z0-9<]+$/i.test(line))
  );
}

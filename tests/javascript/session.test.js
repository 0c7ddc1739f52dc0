// When the page asks whether to continue the session, and what an answer of the portal changes.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { SessionWatch } from "../../static/js/session_watch.js";

const LOST = new TypeError("no connection");
let shown, busy, inUse, reads, answers, extension, watch;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  [shown, busy, inUse, reads, answers, extension] = [[], false, false, 0, [], null];
  watch = new SessionWatch({
    read: () => {
      reads += 1;
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    extend: () => extension,
    show: (part) => shown.push(part),
    isBusy: () => busy,
    isInUse: () => inUse,
  });
});

async function pass(seconds) {
  mock.timers.tick(seconds * 1000);
  await settled();
}

/** Answer the oldest open reading: the seconds left, null if the session has ended, or no answer at all. */
async function answer(left) {
  const { resolve, reject } = answers.shift();
  if (left === LOST) reject(LOST);
  else resolve(left === null ? null : { seconds: left, ends_at: "12:00" });
  await settled();
}

async function settled() {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

async function ask() {
  watch.wait(1800);
  await pass(1680);
  await answer(120);
}

test("the question is shown two minutes before the end, after the portal was asked", async () => {
  watch.wait(1800);
  await pass(1679);
  assert.equal(reads, 0);
  await pass(1);
  assert.deepEqual([reads, shown], [1, []]);
  await answer(120);
  assert.deepEqual(shown, ["question"]);
});

test("no question is shown if another page has extended the session", async () => {
  watch.wait(1800);
  await pass(1680);
  await answer(1500);
  await pass(1379);
  assert.deepEqual([reads, shown.filter(Boolean)], [1, []]);
  await pass(1);
  await answer(120);
  assert.deepEqual(shown.filter(Boolean), ["question"]);
});

test("the question stays while the page is in use, until it is answered", async () => {
  await ask();
  inUse = true;
  await pass(10);
  await answer(1795);
  assert.deepEqual(shown, ["question"]);
  extension = { seconds: 1800, ends_at: "12:00" };
  await watch.stay();
  assert.deepEqual(shown, ["question", null]);
});

test("the question is closed if another page extends the session", async () => {
  await ask();
  await pass(10);
  await answer(110);
  await pass(10);
  await answer(1795);
  assert.deepEqual(shown, ["question", null]);
  await pass(1675);
  await answer(120);
  assert.deepEqual(shown, ["question", null, "question"]);
});

test("the question is shown once; then the end, as soon as it has come", async () => {
  await ask();
  for (let left = 110; left >= 10; left -= 10) {
    await pass(10);
    await answer(left);
  }
  await pass(10);
  await answer(0);
  assert.deepEqual(shown, ["question"]);
  await pass(1);
  await answer(null);
  assert.deepEqual(shown, ["question", "ended"]);
  await pass(3600);
  assert.equal(answers.length, 0);
});

test("without an answer the question is shown, and the portal is asked again", async () => {
  watch.wait(1800);
  await pass(1680);
  await answer(LOST);
  assert.deepEqual(shown, ["question"]);
  await pass(10);
  await answer(LOST);
  await pass(10);
  await answer(1000);
  assert.deepEqual(shown, ["question", null]);
});

test("an answer from before the extension changes nothing", async () => {
  await ask();
  await pass(10);
  extension = { seconds: 1800, ends_at: "12:30" };
  await watch.stay();
  await answer(110);
  assert.deepEqual(shown, ["question", null]);
  await pass(1679);
  assert.equal(reads, 2);
});

test("a session that cannot be extended is said to end, and is asked about no more", async () => {
  await ask();
  extension = { seconds: 90, ends_at: "12:01" };
  await watch.stay();
  await pass(10);
  await answer(80);
  assert.deepEqual(shown, ["question", "last"]);
});

test("an extension that fails is the caller's to say, and the portal is asked again", async () => {
  await ask();
  extension = Promise.reject(LOST);
  await assert.rejects(watch.stay(), LOST);
  await pass(10);
  assert.equal(reads, 2);
});

test("nothing is shown while a form is being sent", async () => {
  watch.wait(1800);
  busy = true;
  await pass(1680);
  assert.equal(reads, 0);
  busy = false;
  await pass(1);
  busy = true;
  await answer(119);
  assert.deepEqual([reads, shown], [1, []]);
  busy = false;
  await pass(1);
  await answer(118);
  assert.deepEqual(shown, ["question"]);
});

test("an answer for a page that was replaced shows nothing", async () => {
  watch.wait(1800);
  await pass(1680);
  watch.stop();
  await answer(120);
  await pass(3600);
  assert.deepEqual([reads, shown], [1, []]);
});

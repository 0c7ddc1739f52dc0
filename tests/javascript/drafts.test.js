// When a draft is saved, with which version, and what an answer changes.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { DraftSaver, markText, readMark } from "../../static/js/draft_saver.js";

const MARK = "draft-1/page-1/3/3";
let typed, busy, sent, shown, kept, answers, saver;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  [typed, busy, sent, shown, kept, answers] = ["", false, [], [], "", []];
  saver = new DraftSaver({
    content: () => typed,
    mark: readMark(MARK),
    isBusy: () => busy,
    keep: (mark) => {
      kept = markText(mark);
    },
    show: (state) => shown.push(state),
    send: (mark, how) => {
      sent.push([markText(mark), typed, how.leaving]);
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
  });
});

function type(text) {
  typed = text;
  saver.changed();
}

/** Answer the oldest open request. */
async function answer(status, draft = kept, more = {}) {
  answers.shift().resolve({ status, draft, ...more });
  await settled();
}

async function lose() {
  answers.shift().reject(new TypeError("no connection"));
  await settled();
}

async function settled() {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

const texts = () => sent.map(([, text]) => text);

test("a change is saved a second after the last key, once", async () => {
  type("a");
  mock.timers.tick(600);
  type("ab");
  mock.timers.tick(800);
  assert.deepEqual(sent, []);
  mock.timers.tick(100); // a second and a half after the first change
  assert.deepEqual(sent, [["draft-1/page-1/3/4", "ab", false]]);
  assert.equal(kept, "draft-1/page-1/3/4");
  await answer(200);
  mock.timers.tick(60_000);
  assert.equal(sent.length, 1);
  assert.deepEqual(shown, ["saved"]);
});

test("uninterrupted typing is saved at least every one and a half seconds", async () => {
  for (let key = 1; key <= 30; key += 1) {
    type("x".repeat(key));
    mock.timers.tick(100);
    if (answers.length) await answer(200);
  }
  assert.deepEqual(texts(), ["x".repeat(15), "x".repeat(30)]);
});

test("what was typed and removed again is not saved", () => {
  type("a");
  type("");
  mock.timers.tick(5000);
  assert.deepEqual(sent, []);
});

test("one request at a time: what was typed meanwhile follows the answer", async () => {
  type("a");
  mock.timers.tick(1000);
  type("ab");
  mock.timers.tick(3000);
  assert.deepEqual(texts(), ["a"]);
  await answer(200);
  assert.deepEqual(sent.at(-1), ["draft-1/page-1/3/5", "ab", false]);
  await answer(200);
  assert.ok(saver.isStored);
});

test("without an answer it is tried again with growing pauses and the latest text", async () => {
  type("a");
  mock.timers.tick(1000);
  await lose();
  assert.deepEqual(shown, ["unreachable"]);
  type("ab"); // does not add a request
  mock.timers.tick(999);
  assert.equal(sent.length, 1);
  mock.timers.tick(1);
  assert.deepEqual(texts(), ["a", "ab"]);
  for (const [status, pause] of [
    [503, 2000],
    [502, 4000],
    [500, 8000],
    [500, 15_000],
    [500, 15_000],
  ]) {
    await answer(status);
    assert.equal(shown.at(-1), "failed"); // it does answer
    const count = sent.length;
    mock.timers.tick(pause - 1);
    assert.equal(sent.length, count);
    mock.timers.tick(1);
    assert.equal(sent.length, count + 1);
  }
  await answer(200);
  assert.equal(shown.at(-1), "saved");
  type("abc");
  mock.timers.tick(1000);
  assert.equal(texts().at(-1), "abc");
});

test("after a refusal that stays nothing is sent any more, and only 401 is called the end of the session", async () => {
  for (const status of [401, 403, 404]) {
    saver.stopped = false;
    type(`a${status}`);
    mock.timers.tick(1000);
    await answer(status);
    const count = sent.length;
    type(`b${status}`);
    mock.timers.tick(60_000);
    saver.leave();
    assert.equal(sent.length, count);
  }
  assert.deepEqual(shown, ["ended", "stopped", "stopped"]);
});

test("a refused draft is tried again at the next change only", async () => {
  type("a");
  mock.timers.tick(1000);
  await answer(409);
  mock.timers.tick(60_000);
  assert.equal(sent.length, 1);
  assert.deepEqual(shown, ["failed"]);
  type("ab");
  mock.timers.tick(1000);
  assert.equal(sent.length, 2);
});

test("a draft that another window has changed goes on as a separate one, and says so", async () => {
  type("a");
  mock.timers.tick(1000);
  await answer(200, "draft-2/page-1/0/4", { separate: true });
  type("ab");
  mock.timers.tick(1000);
  assert.equal(sent.at(-1)[0], "draft-2/page-1/0/5");
  await answer(200);
  assert.deepEqual(shown, ["separate", "separate"]);
});

test("what is typed after the draft was finished elsewhere becomes a new draft", async () => {
  type("a");
  mock.timers.tick(1000);
  await answer(410, "draft-9/page-1/0/4");
  assert.deepEqual(sent.at(-1), ["draft-9/page-1/0/5", "a", false]);
});

test("an entry that came back after sign-in is not saved again if its draft is finished", async () => {
  typed = "returned";
  saver.rendered = typed;
  saver.saveUnsaved({ mayBeSent: true });
  await answer(410, "draft-9/page-1/0/4");
  mock.timers.tick(60_000);
  assert.deepEqual(texts(), ["returned"]);
  type("changed");
  mock.timers.tick(1000);
  assert.deepEqual(sent.at(-1), ["draft-9/page-1/0/5", "changed", false]);
});

test("a form that came back otherwise is saved as a new draft if its draft is finished", async () => {
  typed = "returned";
  saver.rendered = typed;
  saver.saveUnsaved();
  await answer(410, "draft-9/page-1/0/4");
  assert.deepEqual(texts(), ["returned", "returned"]);
});

test("nothing is saved while the form is being sent, nor after it may have arrived", () => {
  type("a");
  busy = true;
  mock.timers.tick(10_000);
  saver.leave();
  assert.deepEqual(sent, []);
  saver.takeAsSent();
  busy = false;
  mock.timers.tick(10_000);
  assert.deepEqual(sent, []);
  type("b");
  mock.timers.tick(1000);
  assert.deepEqual(texts(), ["b"]);
});

test("a draft under way when the form was sent is not stored again under a new id", async () => {
  type("a");
  mock.timers.tick(1000);
  busy = true;
  saver.takeAsSent();
  await answer(410, "draft-9/page-1/0/4");
  busy = false;
  mock.timers.tick(60_000);
  assert.equal(sent.length, 1);
});

test("leaving sends at once what is not stored, even if a usual request is under way", async () => {
  type("a");
  mock.timers.tick(1000);
  saver.leave();
  saver.leave(); // pagehide and visibilitychange
  assert.deepEqual(sent.at(-1), ["draft-1/page-1/3/5", "a", true]);
  assert.equal(sent.length, 2);
  await answer(200);
  await answer(200);
  saver.leave();
  assert.equal(sent.length, 2);
});

test("an older answer that arrives last does not make a newer text unsaved", async () => {
  type("a");
  mock.timers.tick(1000);
  typed = "ab";
  saver.leave();
  const [older] = answers.splice(0, 1);
  await answer(200);
  older.resolve({ status: 200, draft: kept });
  await settled();
  assert.ok(saver.isStored);
});

test("a form that came back as typed is saved at once", () => {
  typed = "returned";
  saver.saveUnsaved();
  assert.deepEqual(texts(), ["returned"]);
});

// When a draft is saved, and with which version. Knows neither the page nor the network, so that its rules can be tested.

const PAUSE = 1000; // milliseconds after the last change
const LATEST = 1500; // after the first change that is not saved, so that it is stored within two seconds
const BUSY = 250; // until the next look while the form is being sent
const RETRIES = [1000, 2000, 4000, 8000, 15_000]; // the last pause repeats

/** The mark of apps/consumers/drafts.py: draft, page, the version that filled the page, and that of the last save. */
export function readMark(text) {
  const [id, page, base, version] = text.split("/");
  return { id, page, base, version: Number(version) };
}

export function markText({ id, page, base, version }) {
  return `${id}/${page}/${base}/${version}`;
}

export class DraftSaver {
  /**
   * `content()` returns what is in the form, as a text; `mark` is that of the page.
   * `send(mark, { leaving })` posts the form and returns `{ status, draft, at, separate, problem }`; it throws if there is
   * no answer. `show(state, details)` shows "saved", "separate", "unreachable", "ended", "failed".
   * `isBusy()`: the form is being sent, so nothing is saved. `keep(mark)` writes the mark into the form.
   */
  constructor({ content, mark, send, show, isBusy, keep }) {
    Object.assign(this, { content, mark, send, show, isBusy, keep });
    this.stored = this.rendered = content(); // what the server has, or rendered
    this.left = null; // what was sent because the page might go
    this.failures = 0;
    this.underWay = 0;
    this.isSeparate = false;
    this.stopped = false;
  }

  /** Whether everything in the form is stored. */
  get isStored() {
    return this.content() === this.stored;
  }

  /** The form may have changed. */
  changed() {
    if (this.stopped || this.failures > 0) return; // then the next retry takes it along
    if (this.isStored) return this.cancel(); // typed and removed again
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.save(), PAUSE);
    this.latest ??= setTimeout(() => this.save(), LATEST);
  }

  /**
   * The form came back as typed: the server may not have it. `mayBeSent`: it may also have been sent, which its
   * finished draft then shows.
   */
  saveUnsaved({ mayBeSent = false } = {}) {
    this.mayBeSent = mayBeSent;
    this.stored = null;
    this.save();
  }

  /** What is in the form has been sent, perhaps without an answer: only another change is a draft again. */
  takeAsSent() {
    this.stored = this.content();
    this.failures = 0;
    this.cancel();
  }

  /** The page may be gone in a moment, and a usual request with it. */
  leave() {
    const content = this.content();
    if (this.stopped || this.isBusy() || this.isStored || content === this.left) return;
    this.left = content;
    this.request({ leaving: true });
  }

  stop() {
    this.stopped = true;
    this.cancel();
  }

  save() {
    this.cancel();
    if (this.isStored) this.failures = 0;
    if (this.stopped || this.isStored) return;
    if (this.isBusy()) this.pause = setTimeout(() => this.save(), BUSY);
    else if (this.underWay > 0) this.isDue = true;
    else this.request({ leaving: false });
  }

  cancel() {
    clearTimeout(this.pause);
    clearTimeout(this.latest);
    this.pause = this.latest = undefined;
  }

  async request(how) {
    this.cancel();
    const content = this.content();
    this.mark = { ...this.mark, version: this.mark.version + 1 };
    const { version } = this.mark;
    this.keep(this.mark);
    this.underWay += 1;
    let answer;
    try {
      answer = await this.send(this.mark, how);
    } catch {
      answer = { status: 0 };
    }
    this.underWay -= 1;
    if (this.stopped) return;
    this.take(answer, content, version);
    if (this.isDue && this.underWay === 0 && this.failures === 0) {
      this.isDue = false;
      this.save();
    }
  }

  take(answer, content, version) {
    const { status } = answer;
    if (status !== 200) this.left = null;
    if (status === 200) {
      this.failures = 0;
      this.follow(answer.draft);
      this.isSeparate ||= answer.separate;
      if (version >= (this.storedVersion ?? 0)) [this.stored, this.storedVersion] = [content, version];
      this.show(this.isSeparate ? "separate" : "saved", answer);
      if (!this.isStored) this.changed();
    } else if (status === 410) {
      // Sent or discarded. What was typed here becomes a new draft, but not again what was sent.
      this.failures = 0;
      this.follow(answer.draft);
      if (this.mayBeSent && content === this.rendered) this.stored = content;
      this.isDue = true;
    } else if (status === 401 || status === 403 || status === 404) {
      this.stop();
      const state = status === 401 ? "ended" : "stopped";
      this.show(answer.problem ? "failed" : state, answer);
    } else if (status >= 400 && status < 500) {
      this.failures = 0;
      this.show("failed", answer);
    } else {
      this.show(status === 0 ? "unreachable" : "failed", answer);
      this.pause = setTimeout(() => this.save(), RETRIES[Math.min(this.failures, RETRIES.length - 1)]);
      this.failures += 1;
    }
  }

  follow(text) {
    const { id, base } = readMark(text);
    this.mark = { ...this.mark, id, base };
    this.keep(this.mark);
  }
}

// When to ask whether to continue the session, and when to say that it has ended. Knows neither the page nor the network,
// so that its rules can be tested.

const WARN_BEFORE = 120; // seconds
const PAUSE = 10; // seconds between two readings of the session in its last two minutes

export class SessionWatch {
  /**
   * `read()` and `extend()` return `{ seconds, ends_at }`, or null if the session has ended; they throw if there is no
   * answer. Reading extends nothing. `show(part, ends_at)` shows "question", "last", "ended" or, with null, nothing.
   * `isBusy()`: a form is being sent, which extends the session; the answer contains its own dialog. `isInUse()`: the
   * person may be about to answer, so the question stays: the form behind it would get their Enter, and be sent.
   */
  constructor({ read, extend, show, isBusy, isInUse }) {
    Object.assign(this, { read, extend, show, isBusy, isInUse });
    this.isAsked = false; // the person knows that the session ends; who closed the question is not asked again
  }

  /** The session lasts this long unless it is extended, which any page of the same session may do. */
  wait(seconds) {
    this.isAsked = false;
    this.after(Math.max(seconds - WARN_BEFORE, 0));
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  after(seconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), seconds * 1000);
  }

  /** Read how long the session really lasts, and show what follows from it. */
  async check() {
    if (this.isBusy()) return this.after(1);
    const { timer } = this;
    let left;
    try {
      left = await this.read();
    } catch {
      left = { seconds: PAUSE }; // nothing else is known than what the page knew
    }
    if (this.timer !== timer) return; // stopped, or extended meanwhile
    if (this.isBusy()) this.after(1);
    else this.take(left, "question");
  }

  /** The person continues. Throws if the portal does not answer. */
  async stay() {
    const left = await this.extend();
    if (this.timer === null) return;
    this.isAsked = false; // the answer is shown
    this.take(left, "last"); // if it ends soon nevertheless, it is at the absolute limit
  }

  take(left, part) {
    if (left === null) {
      this.stop();
      this.show("ended");
    } else if (left.seconds > WARN_BEFORE) {
      if (part === "last" || !this.isInUse()) this.show(null);
      this.wait(left.seconds);
    } else {
      if (!this.isAsked) this.show(part, left.ends_at);
      this.isAsked = true;
      this.after(Math.min(left.seconds + 1, PAUSE)); // a second more, because the seconds are rounded down
    }
  }
}

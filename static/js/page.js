// Starts the behaviours of a page: of a loaded page, and of a page that was the answer to a form.
import { startAdded } from "./added.js";
import { startCarrying } from "./carry.js";
import { startCopying } from "./copy.js";
import { startDates } from "./dates.js";
import { startDrafts } from "./drafts.js";
import { startFocus } from "./focus.js";
import { startWarning } from "./leaving.js";
import { startLists } from "./lists.js";
import { startOrdering } from "./order.js";
import { startPaste } from "./paste.js";
import { startPrinting } from "./print.js";
import { startProgress } from "./progress.js";
import { startSession } from "./session.js";
import { startShortcuts } from "./shortcuts.js";
import { startAnnouncing } from "./words.js";

/** Each behaviour searches its own data attribute and does nothing without it. */
export function startPage() {
  startAdded(document);
  startAnnouncing(document);
  startCarrying(document);
  startCopying(document);
  startDates(document);
  startLists(document);
  startOrdering(document);
  startPaste(document);
  startPrinting(document);
  startProgress(document);
  startSession(document);
  startShortcuts(document);
  startWarning(document);
  startDrafts(document);
  startFocus(document); // last, because the others may have added the element to focus
}

/**
 * Show a parsed page of the portal in place of this one, without a navigation: no address returns it
 * again. `address` is the one that answered. Its scripts already run and are not started again.
 */
export function showPage(page, address) {
  history.replaceState(null, "", address);
  document.title = page.title;
  for (const link of page.querySelectorAll("head link[rel=stylesheet]")) {
    const known = [...document.head.querySelectorAll("link[rel=stylesheet]")];
    if (!known.some((one) => one.getAttribute("href") === link.getAttribute("href"))) document.head.append(link);
  }
  document.body.replaceWith(document.adoptNode(page.body));
  scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true });
  startPage();
  globalThis.htmx?.process(document.body); // a part of the page may be loaded by it
}

// The entry point: starts listeners on the document once, and the behaviours of a page with each page.
import { startCounting } from "./counter.js";
import { startStaying } from "./leaving.js";
import { startOrderPanel } from "./order_panel.js";
import { startPage } from "./page.js";
import { startPhones } from "./phones.js";
import { startReturning } from "./returning.js";
import { startShortcutKeys } from "./shortcuts.js";
import { startSubmitting } from "./submit.js";

startReturning();
startStaying();
startSubmitting(document);
startCounting(document);
startPhones(document);
startShortcutKeys(document);
startOrderPanel(document);
startPage();

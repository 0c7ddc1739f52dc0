// The one entry: what listens to the whole document is started once, the behaviours of the page with each page.
import { startCounting } from "./counter.js";
import { startPage } from "./page.js";
import { startPhones } from "./phones.js";
import { startReturning } from "./returning.js";
import { startSubmitting } from "./submit.js";

startReturning();
startSubmitting(document);
startCounting(document);
startPhones(document);
startPage();

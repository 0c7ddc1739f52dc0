// The one entry: each behaviour looks for its own data attribute and does nothing where there is none.
import { startCopying } from "./copy.js";
import { startDates } from "./dates.js";
import { startFocus } from "./focus.js";
import { startLists } from "./lists.js";
import { startOrdering } from "./order.js";
import { startPhones } from "./phones.js";
import { startPrinting } from "./print.js";
import { startProgress } from "./progress.js";
import { startSession } from "./session.js";
import { startSubmitting } from "./submit.js";

startCopying(document);
startDates(document);
startLists(document);
startOrdering(document);
startPhones(document);
startSubmitting(document);
startPrinting(document);
startProgress(document);
startSession(document);
startFocus(document); // last: the others may have added what has to be focused

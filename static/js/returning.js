// A page from the back/forward cache is requested again: its values may be about another person, its token may be used,
// or the session may have ended.
import { allowLeaving } from "./leaving.js";

export function startReturning() {
  // Hide it until the new page has loaded.
  addEventListener("pagehide", (event) => {
    if (event.persisted) document.body.hidden = true;
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    allowLeaving();
    location.replace(location.pathname + location.search); // always a GET; reload() would post again
  });
}

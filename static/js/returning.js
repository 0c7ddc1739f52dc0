// A page that the browser kept whole and shows again after Back or Forward is read anew: what it holds was typed about
// somebody else, its token is used, or nobody is signed in any more.
import { allowLeaving } from "./leaving.js";

export function startReturning() {
  // Nothing of it is seen before the new one is there.
  addEventListener("pagehide", (event) => { if (event.persisted) document.body.hidden = true; });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    allowLeaving();
    location.replace(location.pathname + location.search); // always a GET: reload() would post again
  });
}

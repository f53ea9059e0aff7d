// Asks the server every few seconds whether the page still is as shown; while nobody looks it does not ask.
import { refresh } from "./refresh.js";
import { told } from "./times.js";

const LONGEST_S = 60;

/** Keep the page live for as long as its main part says how often: `data-live`, in seconds. */
export function keepLive() {
  let failures = 0;
  const wait = () => {
    const seconds = Number(document.getElementById("main").dataset.live || 0);
    // A page that is not live may turn into one that is, so there is always a next look.
    const next = seconds ? Math.min(seconds * 2 ** failures, LONGEST_S) : 1;
    setTimeout(look, next * 1000);
  };
  const look = async () => {
    const main = document.getElementById("main");
    if (main.dataset.live && !document.hidden && !refresh.busy() && !document.querySelector("dialog[open]")) {
      try {
        await refresh.show(location.href);
        failures = 0;
        tell("");
      } catch (error) {
        // A move to another state of the page has taken its place.
        if (error.name !== "AbortError") failures += 1;
        if (failures === 1) tell(`No answer since ${told(new Date())}`);
      }
    }
    wait();
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && document.getElementById("main").dataset.live) refresh.show(location.href).catch(() => {});
  });
  wait();
}

/** Say in the bar, for as long as it is so, that what is shown may be old. */
function tell(text) {
  document.getElementById("stale").textContent = text;
}

// Instants come in UTC; they are shown in the viewer's zone, with UTC on hover, and ages go on counting.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const clock = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit" });

export function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const utc = `${element.dateTime.slice(0, 19).replace("T", " ")} UTC`;
    const local = `${day.format(at)} ${clock.format(at)}`;
    element.title = element.dataset.form === "age" ? `${local} (${zone})\n${utc}` : utc;
    const text = element.dataset.form === "age" ? age(at) : element.dataset.form === "clock" ? clock.format(at) : local;
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of root.querySelectorAll("[data-since]")) {
    const text = duration((Date.now() - new Date(element.dataset.since)) / 1000);
    if (element.textContent !== text) element.textContent = text;
  }
  const told = document.getElementById("zone");
  if (told) told.textContent = zone;
}

setInterval(() => document.hidden || showTimes(document), 1000);

/** An instant of today as the pages show it. */
export function told(at) {
  return clock.format(at);
}

function age(at) {
  const seconds = (Date.now() - at) / 1000;
  return seconds < 0 ? `in ${duration(-seconds)}` : seconds < 5 ? "now" : `${coarse(seconds)} ago`;
}

function coarse(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

function two(number) {
  return String(Math.floor(number)).padStart(2, "0");
}

/** As `duration` in formats.py writes it. */
function duration(seconds) {
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${two((seconds % 86400) / 3600)} h`;
}

// Brings a page up to date: fetches it and changes only what differs, so that focus, scroll and open details stay.
import { Idiomorph } from "./vendor/idiomorph.esm.js";

const afterwards = [];
let etag = null;
let going = null;

export const refresh = {
  /** Call `done(root)` after every change of the page. */
  after(done) {
    afterwards.push(done);
  },

  /** Say that a part of the page was filled in. */
  changed() {
    afterwards.forEach((done) => done(document));
  },

  /** Whether an answer is being waited for. */
  busy() {
    return going !== null;
  },

  /** Show what `url` answers; resolves to false where nothing is new. A later call takes the place of an earlier one. */
  async show(url) {
    going?.abort();
    const mine = (going = new AbortController());
    try {
      return await fetchAndPut(url, mine.signal);
    } finally {
      if (going === mine) going = null;
    }
  },
};

async function fetchAndPut(url, signal) {
  const known = etag !== null && etag.url === url;
  const response = await fetch(url, {
    headers: known ? { "If-None-Match": etag.value, Accept: "text/html" } : { Accept: "text/html" },
    // The browser's own cache would answer 200 where the server said 304.
    cache: "no-store",
    signal,
  });
  if (response.status === 304) return false;
  if (response.redirected) {
    location.assign(response.url);
    return false;
  }
  const text = await response.text();
  if (!text.includes('id="main"')) throw new Error(`${response.status} from ${url}`);
  put(text);
  etag = response.headers.has("ETag") ? { url, value: response.headers.get("ETag") } : null;
  return true;
}

/** Change the page into another one. */
function put(text) {
  const next = new DOMParser().parseFromString(text, "text/html");
  document.title = next.title;
  for (const id of ["main", "nav"]) {
    const here = document.getElementById(id);
    const there = next.getElementById(id);
    if (here && there)
      Idiomorph.morph(here, there, {
        ignoreActiveValue: true,
        callbacks: { beforeAttributeUpdated: keep, beforeNodeMorphed: leave },
      });
  }
  refresh.changed();
}

/** What a reader has opened or a script has written stays. */
function keep(name, node) {
  return !(name === "open" && node.tagName === "DETAILS") && !(name === "class" && node.id === "nav");
}

/** A text that was filled in stays while the page names the same one; the page itself has only the way to it. */
function leave(node, next) {
  return !(node.dataset?.filled && node.dataset.filled === next.dataset?.load);
}

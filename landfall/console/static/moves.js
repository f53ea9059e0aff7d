// Links and filters that change a part of the page: `data-move` on a link or form keeps the place instead of loading anew.
import { refresh } from "./refresh.js";

export function morphLinks() {
  reveal();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-move]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    // A link in a drawing has no plain `href`.
    move(new URL(link.getAttribute("href"), location.href).href, link.dataset.move);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-move]")) return;
    event.preventDefault();
    move(address(event.target));
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-move]");
    if (form && event.target.matches("select, input[type=checkbox], input[type=date], input[type=datetime-local]"))
      move(address(form));
  });
  // What is typed into a filter counts after a pause.
  let typed;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-move]");
    if (!form || !event.target.matches("input[type=search]")) return;
    clearTimeout(typed);
    typed = setTimeout(() => move(address(form)), 250);
  });
  window.addEventListener("popstate", () => refresh.show(location.href).catch(() => location.reload()));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    const close = document.querySelector("a[data-close]");
    if (close) close.click();
  });
}

/** Go to another state of this page; `focus` is the id of what then has the focus. */
async function move(url, focus) {
  try {
    await refresh.show(url);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
    return;
  }
  if (url !== location.href) history.pushState(null, "", url);
  reveal();
  const target = focus && document.getElementById(focus);
  if (target) {
    target.focus({ preventScroll: false });
    target.scrollIntoView({ block: "nearest" });
  }
}

/** Scroll what matters into sight where a box of its own scrolls: the current tab, the chosen node of a graph, else the
 * first one that failed, and the newest look of rules over time. */
function reveal() {
  for (const box of document.querySelectorAll(".over-time")) box.scrollLeft = box.scrollWidth;
  const node = document.querySelector(".graph .chosen") ?? document.querySelector(".graph .bad");
  const shown = [...document.querySelectorAll(".tabs [aria-current]"), ...(node ? [node] : [])];
  for (const chosen of shown) {
    const box = chosen.closest(".tabs, .graph-box");
    const outer = box.getBoundingClientRect();
    const inner = chosen.getBoundingClientRect();
    if (inner.left < outer.left || inner.right > outer.right) box.scrollLeft += inner.left - outer.left - outer.width / 3;
    if (inner.top < outer.top || inner.bottom > outer.bottom) box.scrollTop += inner.top - outer.top - outer.height / 3;
  }
}

/** The address that a filter stands for: only fields that say something. */
function address(form) {
  const url = new URL(form.action);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== "")).toString();
  return url.href;
}

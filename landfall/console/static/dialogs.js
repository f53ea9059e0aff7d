// Acts are pages with a form; `a[data-dialog]` shows such a page in a dialog on top of where one is.
import { refresh } from "./refresh.js";

export function openDialogs() {
  const dialog = document.getElementById("dialog");
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !event.button && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      try {
        await fill(dialog, link.href);
        dialog.showModal();
      } catch {
        location.assign(link.href);
      }
    }
    if (event.target.closest("[data-cancel]") && dialog.open) {
      event.preventDefault();
      dialog.close();
    }
    if (event.target === dialog) dialog.close();
  });
  // Text that is worth a request only when somebody looks: filled in when its details are opened.
  document.addEventListener(
    "toggle",
    (event) => {
      const box = event.target.querySelector?.(":scope > [data-load]");
      if (box && event.target.open) load(box);
    },
    true,
  );
}

async function fill(dialog, url) {
  const act = await part(url, ".act");
  dialog.replaceChildren(act);
  // A page that refuses the act leads elsewhere; over the page where one is, it is only closed.
  act.querySelectorAll("[data-cancel]:not([data-cancel=''])").forEach((link) => (link.textContent = link.dataset.cancel));
  // Where the form leads back to is where one is now.
  act.querySelectorAll("input[name=back]").forEach((input) => (input.value = location.pathname + location.search));
}

async function load(box) {
  box.setAttribute("aria-busy", "true");
  try {
    box.replaceChildren(await part(box.dataset.load, ".part"));
    refresh.changed();
  } catch (error) {
    box.textContent = `It could not be read: ${error.message}`;
  }
  box.dataset.filled = box.dataset.load;
  box.removeAttribute("aria-busy");
}

async function part(url, selector) {
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const found = page.querySelector(selector);
  if (!found) throw new Error(page.querySelector(".act > p")?.textContent ?? `the server answered ${response.status}.`);
  return document.adoptNode(found);
}

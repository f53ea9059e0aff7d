// Small things: the colours, the menu of a phone, copying, and short messages.

export function themeSwitch() {
  const button = document.getElementById("theme");
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const tell = () => button.setAttribute("aria-label", dark() ? "Light colours" : "Dark colours");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("landfall-theme", next);
    tell();
  });
  tell();
}

export function menu() {
  const button = document.getElementById("menu");
  button.addEventListener("click", () => {
    const open = document.getElementById("nav").classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
  });
}

/** Buttons with `data-copy` put that text on the clipboard. */
export function copyButtons() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied.");
    } catch {
      say("The browser does not let a page copy here; select the text instead.");
    }
  });
}

let silence;

/** Show a short message, and have it read out. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (said.textContent = ""), 4000);
}

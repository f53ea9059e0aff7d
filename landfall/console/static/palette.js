// The search that opens with "/" or Ctrl+K: pages, products, datasets, runs, files; arrows choose, Enter goes there.

const MANY_S = 0.15;

export function searchByKeyboard() {
  const dialog = document.getElementById("palette");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  const opener = document.getElementById("search");
  let asked = null;
  let waiting;

  const open = () => {
    if (dialog.open || document.querySelector("dialog[open]")) return;
    dialog.showModal();
    input.value = "";
    ask("");
  };
  opener.addEventListener("click", (event) => {
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest("input, textarea, select, [contenteditable]");
    if ((event.key === "/" && !writes && !event.ctrlKey && !event.metaKey) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      open();
    }
  });
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => ask(input.value.trim()), MANY_S * 1000);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const options = [...list.children];
      const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
      choose(options[(at + step + options.length) % options.length]);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      const chosen = list.querySelector("[aria-selected=true]");
      if (chosen) location.assign(chosen.dataset.href);
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.href);
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  async function ask(text) {
    asked?.abort();
    asked = new AbortController();
    try {
      const response = await fetch(`${opener.href}?q=${encodeURIComponent(text)}`, {
        headers: { Accept: "application/json" },
        signal: asked.signal,
      });
      show((await response.json()).found);
    } catch (error) {
      if (error.name !== "AbortError") list.textContent = "The search does not answer.";
    }
  }

  function show(found) {
    list.replaceChildren(
      ...found.map((item, index) => {
        const option = document.createElement("div");
        option.setAttribute("role", "option");
        option.id = `found-${index}`;
        option.dataset.href = item.href;
        for (const [name, text] of [["kind", item.kind], ["name", item.name], ["about", item.about]]) {
          const part = document.createElement("span");
          part.className = name;
          part.textContent = text;
          option.append(part);
        }
        return option;
      }),
    );
    choose(list.firstElementChild);
  }

  function choose(option) {
    list.querySelectorAll("[aria-selected=true]").forEach((other) => other.setAttribute("aria-selected", "false"));
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }
}

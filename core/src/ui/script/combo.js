// Fields that say what could be meant and what is wrong while one types. The server decides both.

import { json, make } from "./base.js";

let count = 0;

export function combo(input) {
  const of = input.dataset.complete;
  const id = `options-${count += 1}`;
  const list = make("ul", { id, className: "options", role: "listbox", hidden: true });
  list.setAttribute("aria-label", "Suggestions");
  const hint = make("span", { className: "complaint", id: `${id}-hint` });
  hint.setAttribute("aria-live", "polite");
  const box = make("span", { className: "combo" });
  input.replaceWith(box);
  box.append(input, list, hint);
  input.removeAttribute("list");
  for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-controls", id],
    ["aria-autocomplete", "list"], ["aria-describedby", hint.id]]) input.setAttribute(name, value);

  let active = -1, asked = 0, timer;
  const options = () => [...list.children];

  function show(words) {
    list.replaceChildren(...words.map((word, at) => {
      const option = make("li", { id: `${id}-${at}`, role: "option", textContent: word || "All" });
      option.dataset.word = word;
      option.setAttribute("aria-selected", "false");
      return option;
    }));
    mark(-1);
    list.hidden = words.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
  }
  function mark(at) {
    active = at;
    options().forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    if (at < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", options()[at].id);
    options()[at].scrollIntoView({ block: "nearest" });
  }
  function complain(text) {
    hint.textContent = text ?? "";
    input.setAttribute("aria-invalid", String(Boolean(text)));
  }
  function choose(option) {
    input.value = option.dataset.word;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (of === "receiver") return input.form.requestSubmit();
    if (!/[=~]$/.test(input.value)) show([]);
  }
  async function look() {
    const turn = asked += 1;
    const text = input.value;
    try {
      const { error, words } = await json("GET", `/complete?of=${of}&text=${encodeURIComponent(text)}`);
      if (turn !== asked) return;
      // A word that is still being typed is no mistake yet.
      complain(text.trim() && !words.some((word) => word !== text) ? error : null);
      if (document.activeElement === input) {
        const others = words.filter((word) => word !== text);
        show(of === "receiver" ? ["", ...others] : others);
      }
    } catch (error) {
      if (turn !== asked) return;
      show([]);
      complain(`No suggestions: ${error.message}`);
    }
  }
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 120); });
  input.addEventListener("focus", look);
  input.addEventListener("blur", () => { asked += 1; clearTimeout(timer); show([]); });
  input.addEventListener("keydown", (event) => {
    const length = options().length;
    if (event.key === "Escape" && length) { event.preventDefault(); show([]); }
    if (!length || list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark(active < 0 && step < 0 ? length - 1 : (active + step + length) % length);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      choose(options()[active]);
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => { const option = event.target.closest("li"); if (option) choose(option); });
  list.addEventListener("mousemove", (event) => {
    const at = options().indexOf(event.target.closest("li"));
    if (at >= 0 && at !== active) mark(at);
  });
}

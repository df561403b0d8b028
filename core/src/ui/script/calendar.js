// A dialog in which the first and the last day of a silence are picked, with their times.

import { isLocal, make, recall } from "./base.js";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

// Days are counted in UTC here; in local mode they are the local ones, shifted by the offset.
function shifted(at) { return new Date(isLocal() ? at - at.getTimezoneOffset() * 60000 : at); }
function unshifted(at) {
  if (!isLocal()) return at;
  return new Date(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes());
}

// Calls `done` with the two times when they are set.
export function calendar(from, to, done) {
  let [first, last] = [shifted(from), shifted(to)];
  let month = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), 1));
  let picked = null;
  const title = make("b");
  title.setAttribute("aria-live", "polite");
  const grid = make("div", { className: "days" });
  const clock = (label, at) => {
    const input = make("input", { type: "time", value: at.toISOString().slice(11, 16), required: true });
    return [input, make("label", { className: "field" }, label, input)];
  };
  const [start, startField] = clock("From", first);
  const [end, endField] = clock("To", last);
  const problem = make("p", { className: "error", hidden: true });
  problem.setAttribute("role", "alert");
  const day = (at) => at.toISOString().slice(0, 10);
  const weekday = () => Math.max(0, DAYS.indexOf(recall("firstDayOfWeek", "Sunday")));

  function between(at, low, high) {
    if (low > high) [low, high] = [high, low];
    return day(at) >= low && day(at) <= high;
  }
  function colour(hovered) {
    for (const button of grid.querySelectorAll("button")) {
      const at = new Date(button.dataset.day);
      const [low, high] = picked ? [picked, hovered ?? picked] : [day(first), day(last)];
      button.setAttribute("aria-pressed", String(between(at, low, high)));
    }
  }
  function draw() {
    title.textContent = month.toLocaleString("en", { month: "long", year: "numeric", timeZone: "UTC" });
    const names = DAYS.map((_, i) => DAYS[(i + weekday()) % 7]);
    const head = names.map((name) => make("abbr", { title: name, textContent: name.slice(0, 2) }));
    const lead = (month.getUTCDay() - weekday() + 7) % 7;
    const length = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0)).getUTCDate();
    const cells = Array.from({ length: lead }, () => make("span"));
    for (let i = 1; i <= length; i += 1) {
      const at = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), i));
      const button = make("button", { type: "button", className: "plain", textContent: i });
      button.dataset.day = day(at);
      button.setAttribute("aria-label", at.toLocaleString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }));
      cells.push(button);
    }
    grid.replaceChildren(...head, ...cells);
    colour();
  }
  function turn(step) {
    month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + step, 1));
    draw();
  }
  function pick(text) {
    if (picked === null) { picked = text; return colour(text); }
    const [low, high] = picked < text ? [picked, text] : [text, picked];
    [first, last, picked] = [new Date(low), new Date(high), null];
    colour();
  }
  grid.addEventListener("click", (event) => { if (event.target.dataset.day) pick(event.target.dataset.day); });
  grid.addEventListener("mouseover", (event) => { if (picked && event.target.dataset.day) colour(event.target.dataset.day); });
  grid.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
    const buttons = [...grid.querySelectorAll("button")];
    const next = step && buttons[buttons.indexOf(event.target) + step];
    if (next) { event.preventDefault(); next.focus(); if (picked) colour(next.dataset.day); }
  });
  const turner = (text, label, step) => {
    const button = make("button", { type: "button", textContent: text, onclick: () => turn(step) });
    button.setAttribute("aria-label", label);
    return button;
  };
  const cancel = make("button", { type: "button", textContent: "Cancel" });
  const form = make("form", { method: "dialog" },
    make("div", { className: "month" }, turner("‹", "Month before", -1), title, turner("›", "Next month", 1)),
    grid,
    make("div", { className: "row" }, startField, endField, make("span", { className: "hint", textContent: isLocal() ? "local time" : "UTC" })),
    problem,
    make("div", { className: "row" }, make("button", { className: "primary", textContent: "Set" }), cancel));
  const dialog = make("dialog", { className: "calendar" }, form);
  dialog.setAttribute("aria-label", "Start and end");
  form.addEventListener("submit", (event) => {
    if (picked !== null) [first, last, picked] = [new Date(picked), new Date(picked), null];
    const [from, to] = [[first, start], [last, end]].map(([at, time]) => unshifted(new Date(`${day(at)}T${time.value}:00Z`)));
    if (!(to > from)) {
      event.preventDefault();
      problem.hidden = false;
      problem.textContent = "The end must be after the start";
      return;
    }
    done(from, to);
  });
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  draw();
  dialog.showModal();
}

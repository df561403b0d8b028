// The form for silences: times that follow each other, a live preview, and sending it.

import { combo } from "./combo.js";
import { isLocal, json, page, prefix, recall, remember, showTimes, skew, writeTime } from "./base.js";

const UNITS = { w: 604800, d: 86400, h: 3600, m: 60, s: 1 };

// Reads `1d 2.5h`, in milliseconds; null when it cannot.
export function readDuration(text) {
  let rest = text.replace(/\s/g, ""), total = 0;
  if (!rest) return null;
  while (rest) {
    const found = /^(\d+(?:\.\d+)?)([wdhms])/.exec(rest);
    if (!found) return null;
    total += Number(found[1]) * UNITS[found[2]];
    rest = rest.slice(found[0].length);
  }
  return total * 1000;
}

export function writeDuration(ms) {
  if (isNaN(ms)) return "";
  let secs = Math.max(0, Math.round(ms / 1000)), out = "";
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(secs / size);
    if (count) { out += `${count}${unit} `; secs -= count * size; }
  }
  return out.trim() || "0s";
}

// Asks the server what matchers mean. Comes to the sets as the API takes them, null if they cannot
// be read, and the piece of a page that shows them.
export async function readSets(query) {
  const read = await page(`${prefix}/silences/preview?${query}`, ".sets");
  const sets = read.querySelector(".sets").dataset.sets;
  return [sets ? JSON.parse(sets) : null, read.body];
}

export function silence(startsAt, endsAt, createdBy, comment, matchers) {
  return { startsAt: startsAt.toISOString(), endsAt: endsAt.toISOString(), createdBy, comment, matchers };
}

export function dressSilenceForm(form) {
  const { starts, ends, duration, creator, comment, annotations } = form.elements;
  const problem = document.getElementById("problem");
  const say = (text) => { problem.textContent = text; problem.hidden = !text; if (text) problem.scrollIntoView({ block: "nearest" }); };
  const field = (input, text) => {
    input.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) { input.focus(); throw new Error(text); }
  };

  // Times.
  const fit = () => { duration.value = writeDuration(new Date(ends.value) - new Date(starts.value)); };
  const end = () => {
    const ms = readDuration(duration.value);
    const from = new Date(starts.value);
    if (ms !== null && !isNaN(from)) ends.value = writeTime(new Date(from.getTime() + ms));
  };
  const rewrite = () => {
    for (const input of [starts, ends]) if (!isNaN(new Date(input.value))) input.value = writeTime(new Date(input.value));
    const minutes = Math.round(Math.abs(skew) / 60000);
    const zone = isLocal() ? "Times are your local ones." : "Times are in UTC.";
    const differs = minutes < 2 ? "" : ` This computer's clock is ${writeDuration(minutes * 60000)} ${skew > 0 ? "behind" : "ahead of"} the server's; the server's counts.`;
    const clock = document.getElementById("clock");
    clock.textContent = zone + differs;
    clock.classList.toggle("error", Boolean(differs));
  };
  const wrong = (input, text) => input.setAttribute("aria-invalid", String(text));
  starts.addEventListener("change", () => { wrong(starts, isNaN(new Date(starts.value))); fit(); });
  ends.addEventListener("change", () => { wrong(ends, isNaN(new Date(ends.value))); fit(); });
  duration.addEventListener("input", () => { wrong(duration, readDuration(duration.value) === null); end(); });
  document.addEventListener("zone", rewrite);
  const pick = async () => {
    const { calendar } = await import("./calendar.js");
    // Two clicks while it was loaded open one.
    if (document.querySelector("dialog")) return;
    const [from, to] = [starts, ends].map((input) => new Date(input.value));
    if (isNaN(from) || isNaN(to)) throw new Error("start or end cannot be read");
    calendar(from, to, (from, to) => {
      if (!starts.readOnly) starts.value = writeTime(from);
      ends.value = writeTime(to);
      fit();
    });
  };

  // Matchers.
  const inputs = () => [...form.querySelectorAll("#sets input")];
  const lines = () => inputs().map((input) => input.value).filter((line) => line.trim());
  let asked = 0;
  const preview = async () => {
    const turn = asked += 1;
    const [sets, shown] = await readSets(lines().map((line) => "filter=" + encodeURIComponent(line)).join("&"));
    if (turn === asked) {
      const place = document.getElementById("preview");
      place.replaceChildren(...shown.childNodes);
      showTimes(place);
    }
    return sets;
  };
  const previewSafely = () => preview().then(() => say(""), (error) => say(`No preview: ${error.message}`));
  let timer;
  const soon = () => { clearTimeout(timer); timer = setTimeout(previewSafely, 300); };
  const addSet = () => {
    const input = document.createElement("input");
    const first = inputs()[0];
    for (const name of ["name", "aria-label", "spellcheck", "autocomplete", "data-complete", "placeholder"]) input.setAttribute(name, first.getAttribute(name));
    const set = document.createElement("div");
    set.className = "set";
    const drop = form.querySelector("[data-drop-set]").cloneNode(true);
    set.append(input, drop);
    form.querySelector("[data-add-set]").before(set);
    combo(input);
    input.focus();
  };
  document.getElementById("sets").addEventListener("input", soon);

  const read = async () => {
    const [from, to] = [new Date(starts.value), new Date(ends.value)];
    field(starts, isNaN(from) && "Start: Wrong ISO8601 format, write 2030-01-31T12:00:00Z");
    field(ends, isNaN(to) && "End: Wrong ISO8601 format, write 2030-01-31T12:00:00Z");
    field(duration, readDuration(duration.value) === null && "Duration: Wrong duration format, write 1d 2h 30m");
    field(ends, to <= from && "End: It must be after the start");
    field(ends, to < new Date(Date.now() + skew) && "End: Can't be in the past");
    for (const [input, name] of [[creator, "Creator"], [comment, "Comment"]]) field(input, !input.value.trim() && `${name}: Should not be empty`);
    const notes = {};
    for (const line of annotations.value.split("\n").filter((line) => line.trim())) {
      const [name, value] = line.split(/=(.*)/s);
      field(annotations, value === undefined && `Annotations: “${line}” has no value, write name=value`);
      field(annotations, name.trim() in notes && `Annotations: ${name.trim()} is there twice`);
      notes[name.trim()] = value.trim();
    }
    field(inputs()[0], !lines().length && "Matchers are required");
    const sets = await preview();
    field(inputs()[0], !sets && "Please complete the matchers; below it says what is wrong with them");
    field(inputs()[0], !sets.length && "Matchers are required");
    return sets.map((matchers, i) => {
      const body = silence(from, to, creator.value.trim(), comment.value, matchers);
      if (Object.keys(notes).length) body.annotations = notes;
      if (form.dataset.id && i === 0) body.id = form.dataset.id;
      return body;
    });
  };
  const send = async (event) => {
    event.preventDefault();
    say("");
    try {
      const bodies = await read();
      remember("defaultCreator", creator.value.trim());
      let id;
      for (const body of bodies) {
        id = (await json("POST", "/api/v2/silences", body)).silenceID;
        // What is made is not made again when a later line is refused.
        delete form.dataset.id;
        if (inputs().length > 1) inputs().find((input) => input.value.trim()).closest(".set").remove();
      }
      location.href = prefix + (bodies.length === 1 ? `/silences/${encodeURIComponent(id)}` : `/silences?search=${encodeURIComponent(creator.value.trim())}`);
    } catch (error) {
      if (error.status !== 404 || !form.dataset.id) return say(error.message);
      delete form.dataset.id;
      form.querySelector("[type=submit]").textContent = "Create";
      say("This silence is not there any more: somebody else removed it. What you typed is kept; Create makes a new one of it.");
    }
  };
  form.addEventListener("click", (event) => {
    const { preset, preview: wanted, addSet: adds, dropSet, calendar: picks } = event.target.dataset;
    if (preset) { duration.value = preset; wrong(duration, false); end(); }
    if (wanted !== undefined) previewSafely();
    if (adds !== undefined) addSet();
    if (dropSet !== undefined) {
      if (inputs().length > 1) event.target.closest(".set").remove(); else inputs()[0].value = "";
      soon();
    }
    if (picks !== undefined) pick().catch((error) => say(`No calendar: ${error.message}`));
  });
  form.addEventListener("submit", send);
  form.addEventListener("reset", () => setTimeout(() => { say(""); begin(); soon(); }));

  const begin = () => { rewrite(); fit(); if (!creator.value) creator.value = recall("defaultCreator", ""); };
  begin();
}

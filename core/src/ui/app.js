// Makes the pages livelier: old links, refreshing, completion, and writing through API v2.
"use strict";

const root = document.documentElement;
const prefix = root.dataset.prefix;
const api = prefix + "/api/v2";
root.classList.add("script");

// What the reader chose; storage may be closed to us.
function recall(key, otherwise) {
  try { return localStorage.getItem(key) ?? otherwise; } catch { return otherwise; }
}
function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* then it holds for this page only */ }
}

function notice(text) { document.getElementById("notice").textContent = text; }

// Links of the form /#/alerts?filter=... lead to the page that shows the same. A `+` is a blank
// where the producer of the link encoded queries so.
function followOldLink() {
  if (!location.hash.startsWith("#/")) return false;
  const [path, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  const decode = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
  const pairs = query.split("&").filter(Boolean).map((pair) => {
    const [name, value = ""] = pair.split(/=(.*)/s);
    const plain = /\+/.test(value) && !/%20| /.test(value) ? value.replace(/\+/g, " ") : value;
    return encodeURIComponent(decode(name)) + "=" + encodeURIComponent(decode(plain));
  });
  const target = path === "/alerts" || path === "/" ? "/" : decode(path);
  const suffix = pairs.length ? "?" + pairs.join("&") : "";
  location.replace(prefix + target + suffix);
  return true;
}

function applyTheme() {
  const theme = recall("theme", "auto");
  if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
}

function showTimes(within) {
  if (recall("zone", "utc") !== "local") return;
  for (const time of within.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (!isNaN(at)) { time.title = time.dateTime; time.textContent = at.toLocaleString(); }
  }
}

// Which groups are open outlives a refresh and the page.
function restoreFolds(within) {
  const folds = JSON.parse(recall("folds", "{}"));
  for (const details of within.querySelectorAll("details[data-key]")) {
    const state = folds[details.dataset.key];
    if (state !== undefined) details.open = state;
  }
}
function keepFold(details) {
  const folds = JSON.parse(recall("folds", "{}"));
  folds[details.dataset.key] = details.open;
  const keys = Object.keys(folds);
  for (const key of keys.slice(0, Math.max(0, keys.length - 500))) delete folds[key];
  remember("folds", JSON.stringify(folds));
}

async function refresh() {
  const main = document.getElementById("main");
  const busy = main.querySelector("#silence, #settings") || document.hidden
    || (main.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName));
  if (busy) return;
  let text;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    text = await answer.text();
    if (!answer.ok) throw new Error(`the server says ${answer.status}`);
    if (!text.includes("data-prefix=")) throw new Error("the session has ended; load the page anew");
  } catch (error) {
    notice(`Not refreshed: ${error.message}. What you see may be old.`);
    return;
  }
  notice("");
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.getElementById("main");
  if (fresh.innerHTML === main.dataset.was) return;
  const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
  const chosen = [...main.querySelectorAll("[data-choose]:checked")].map((box) => box.dataset.choose);
  main.dataset.was = fresh.innerHTML;
  main.replaceChildren(...fresh.childNodes);
  document.title = page.title;
  document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").href;
  for (const id of chosen) main.querySelector(`[data-choose="${CSS.escape(id)}"]`)?.click();
  if (focused) main.querySelector(`[data-key="${CSS.escape(focused)}"] summary, [data-key="${CSS.escape(focused)}"] a`)?.focus();
  dress(main);
}

async function call(method, path, body) {
  const answer = await fetch(api + path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.ok) return text ? JSON.parse(text) : null;
  let why = text.trim();
  try { const read = JSON.parse(text); why = read.message ?? read; } catch { /* plain text */ }
  throw new Error(answer.status === 404 ? "it is not there any more" : `${why || "error"} (${answer.status})`);
}

async function expire(ids) {
  const what = ids.length === 1 ? "this silence" : `${ids.length} silences`;
  if (!ids.length || !confirm(`End ${what}?`)) return;
  const failed = [];
  for (const id of ids) {
    try { await call("DELETE", "/silence/" + encodeURIComponent(id)); } catch (error) { failed.push(`${id}: ${error.message}`); }
  }
  if (failed.length) notice("Not ended: " + failed.join("; ")); else location.reload();
}

// A matcher set as text, to the matchers of the API. The text is read as the server reads it.
function readMatchers(line) {
  const matchers = [];
  const form = /\s*([^\s{}!=~,\\"'`]+|"(?:[^"\\]|\\.)*")\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^,{}"]*)\s*(,|$)/gy;
  const text = line.trim().replace(/^\{/, "").replace(/\}$/, "").replace(/,\s*$/, "");
  while (form.lastIndex < text.length) {
    const at = form.lastIndex;
    const found = form.exec(text);
    if (!found) throw new Error(`cannot read “${text.slice(at)}”; write name="value"`);
    const plain = (part) => part.startsWith('"') ? JSON.parse(part) : part.trim();
    matchers.push({ name: plain(found[1]), value: plain(found[3]), isRegex: found[2].endsWith("~"), isEqual: found[2][0] === "=" });
  }
  if (!matchers.length) throw new Error("Matchers are required");
  return matchers;
}

const UNITS = { w: 604800, d: 86400, h: 3600, m: 60, s: 1 };
function readDuration(text) {
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
function writeDuration(ms) {
  let secs = Math.max(0, Math.round(ms / 1000)), out = "";
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(secs / size);
    if (count) { out += `${count}${unit} `; secs -= count * size; }
  }
  return out.trim() || "0s";
}

function dressSilenceForm(form) {
  const { starts, ends, duration, creator } = form.elements;
  // The server's clock counts: what it said when it made the page, and what has passed here.
  const skew = new Date(root.dataset.now) - Date.now();
  const problem = (text) => { const p = document.getElementById("problem"); p.textContent = text; p.hidden = !text; };
  const fit = () => { duration.value = writeDuration(new Date(ends.value) - new Date(starts.value)); };
  const end = () => {
    const ms = readDuration(duration.value);
    if (ms !== null) ends.value = new Date(new Date(starts.value).getTime() + ms).toISOString();
  };
  fit();
  if (!creator.value) creator.value = recall("defaultCreator", "");
  starts.addEventListener("change", fit);
  ends.addEventListener("change", fit);
  duration.addEventListener("input", end);
  form.addEventListener("reset", () => setTimeout(fit));
  const lines = () => form.elements.matchers.value.split("\n").filter((line) => line.trim());
  const check = () => {
    const [from, to] = [new Date(starts.value), new Date(ends.value)];
    if (isNaN(from) || isNaN(to)) throw new Error("Wrong ISO8601 format");
    if (readDuration(duration.value) === null) throw new Error("Wrong duration format");
    if (to <= from || to < new Date(Date.now() + skew)) throw new Error("The end can't be in the past");
    for (const name of ["creator", "comment"]) if (!form.elements[name].value.trim()) throw new Error(`${name}: Should not be empty`);
    const annotations = {};
    for (const line of form.elements.annotations.value.split("\n").filter((line) => line.trim())) {
      const [name, value] = line.split(/=(.*)/s);
      if (value === undefined) throw new Error(`annotation “${line}”: write name=value`);
      if (name.trim() in annotations) throw new Error(`annotation ${name.trim()} is there twice`);
      annotations[name.trim()] = value.trim();
    }
    const sets = lines().map(readMatchers);
    if (!sets.length) throw new Error("Matchers are required");
    const silence = { startsAt: from.toISOString(), endsAt: to.toISOString(), createdBy: creator.value.trim(), comment: form.elements.comment.value };
    if (sets.length === 1) silence.matchers = sets[0];
    else silence.matcherSets = sets.map((matchers) => ({ matchers }));
    if (Object.keys(annotations).length) silence.annotations = annotations;
    if (form.dataset.id) silence.id = form.dataset.id;
    return silence;
  };
  const preview = async () => {
    const query = lines().map((line) => "filter=" + encodeURIComponent(line)).join("&");
    try {
      const answer = await fetch(`${prefix}/silences/preview?${query}`);
      if (!answer.ok) throw new Error(`the server says ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("preview").replaceChildren(...page.body.childNodes);
      showTimes(document.getElementById("preview"));
    } catch (error) { problem(`No preview: ${error.message}`); }
  };
  let timer;
  form.elements.matchers.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(preview, 400); });
  form.addEventListener("click", (event) => {
    const { preset, preview: wanted } = event.target.dataset;
    if (preset) { duration.value = preset; end(); }
    if (wanted !== undefined) preview();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem("");
    try {
      const { silenceID } = await call("POST", "/silences", check());
      remember("defaultCreator", creator.value.trim());
      location.href = `${prefix}/silences/${encodeURIComponent(silenceID)}`;
    } catch (error) { problem(error.message); }
  });
}

// Names of labels while a name is typed, values behind the operator.
function dressCompletion(input) {
  const list = document.getElementById("completions");
  if (!list) return;
  let timer;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const found = /^\s*([^\s=!~"]+)\s*(=~|!~|!=|=)\s*"?([^"]*)$/.exec(input.value);
      const query = found ? `name=${encodeURIComponent(found[1])}&prefix=${encodeURIComponent(found[3])}` : `prefix=${encodeURIComponent(input.value.trim())}`;
      try {
        const answer = await fetch(`${prefix}/complete?${query}`);
        const words = answer.ok ? await answer.json() : [];
        list.replaceChildren(...words.map((word) => {
          const option = document.createElement("option");
          option.value = found ? `${found[1]}${found[2]}${JSON.stringify(word)}` : `${word}=`;
          return option;
        }));
      } catch { list.replaceChildren(); }
    }, 150);
  });
  input.addEventListener("keydown", (event) => {
    const last = document.querySelector("#filters .chips li:last-child .remove");
    if (event.key === "Backspace" && !input.value && !event.repeat && last) location.href = last.href;
  });
}

function dressSettings(form) {
  for (const select of form.querySelectorAll("select")) {
    select.value = recall(select.name, select.options[0].value);
    select.addEventListener("change", () => { remember(select.name, select.value); applyTheme(); });
  }
}

function dress(within) {
  showTimes(within);
  restoreFolds(within);
  const filter = within.querySelector("#filter");
  if (filter) dressCompletion(filter);
}

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details[data-key]")) keepFold(event.target);
}, true);

document.addEventListener("click", (event) => {
  const { expire: id, expireChosen, fold, silence } = event.target.dataset ?? {};
  if (id) expire([id]);
  if (expireChosen !== undefined) {
    expire([...document.querySelectorAll("[data-choose]:checked")].map((box) => box.dataset.choose));
  }
  if (fold) for (const details of document.querySelectorAll("details[data-key]")) details.open = fold === "open";
  if (silence) {
    const creator = recall("defaultCreator", "") || prompt("Your name, for the silence");
    if (!creator) return;
    remember("defaultCreator", creator);
    const now = Date.now() + (new Date(root.dataset.now) - performance.timeOrigin);
    call("POST", "/silences", {
      matchers: readMatchers(silence), createdBy: creator, comment: "Acknowledged",
      startsAt: new Date(now).toISOString(), endsAt: new Date(now + 3600e3).toISOString(),
    }).then(() => refresh()).catch((error) => notice(`Not silenced: ${error.message}`));
  }
});

applyTheme();
if (!followOldLink()) {
  window.addEventListener("hashchange", followOldLink);
  const main = document.getElementById("main");
  dress(main);
  const form = document.getElementById("silence");
  if (form) dressSilenceForm(form);
  const settings = document.getElementById("settings");
  if (settings) dressSettings(settings);
  const seconds = Number(recall("refresh", "15"));
  if (seconds > 0) setInterval(refresh, seconds * 1000);
}

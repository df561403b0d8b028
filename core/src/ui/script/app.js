// Makes the pages livelier: refreshing, folding, completing, and writing through API v2.

import { combo } from "./combo.js";
import { dressSilenceForm, readSets, silence } from "./silence.js";
import { ask, isLocal, json, notice, page, recall, remember, root, showTimes, skew } from "./base.js";

const main = document.getElementById("main");

// Which groups are open outlives a refresh and the page; `*` is what Expand all and Collapse all say.
function folds() {
  try { return JSON.parse(recall("folds", "{}")); } catch { return {}; }
}
function restoreFolds(within) {
  const known = folds();
  for (const details of within.querySelectorAll("details[data-key]")) {
    const state = known[details.dataset.key] ?? known["*"];
    if (state !== undefined) details.open = state;
  }
}
function keepFold(details) {
  const known = folds();
  known[details.dataset.key] = details.open;
  const keys = Object.keys(known).filter((key) => key !== "*");
  for (const key of keys.slice(0, Math.max(0, keys.length - 500))) delete known[key];
  remember("folds", JSON.stringify(known));
}
function foldAll(open) {
  remember("folds", JSON.stringify({ "*": open }));
  for (const details of main.querySelectorAll("details[data-key]")) details.open = open;
}

// A group whose alerts were left out of the page brings them when it is opened.
async function fill(details) {
  const more = details.querySelector("[data-more]");
  if (!more || !details.open || details.querySelector(".alert") || details.dataset.filling) return;
  details.dataset.filling = "yes";
  const wanted = `details[data-key="${CSS.escape(details.dataset.key)}"]`;
  try {
    const fresh = (await page(more.href, "#main")).querySelector(wanted);
    if (fresh) details.replaceChildren(...fresh.childNodes);
    dress(details);
  } catch (error) {
    notice(`The alerts of this group could not be loaded. ${error.message}.`);
  }
  delete details.dataset.filling;
}

// What is selected, or being done, must not vanish under the reader's hands.
const isBusy = () => document.hidden || document.querySelector("dialog[open]") || main.querySelector("#silence, #settings")
  || !getSelection().isCollapsed || main.querySelector(".options:not([hidden])");

async function refresh(force) {
  if (!force && isBusy()) return;
  let fresh;
  try {
    fresh = await page(location.href, "#main");
  } catch (error) {
    if (error.status === 404) return location.reload();
    const at = document.getElementById("fresh").dataset.at;
    notice(`Not refreshed${at ? ": what you see is of " + at : ""}. ${error.message}.`, "Try again", () => refresh(true));
    return;
  }
  if (!force && isBusy()) return;
  notice("");
  stamp();
  document.title = fresh.title;
  document.querySelector("link[rel=icon]").href = fresh.querySelector("link[rel=icon]").href;
  const news = fresh.getElementById("main");
  if (news.innerHTML === main.dataset.was) return;
  main.dataset.was = news.innerHTML;
  replace(news);
}

// Puts new content into the page: the place on the screen, the focus, what is chosen and what is
// typed stay.
function replace(news) {
  const byKey = (key) => main.querySelector(`[data-key="${CSS.escape(key)}"]`);
  const seen = scrollY > 0 && [...main.querySelectorAll("[data-key]")].find((it) => it.getBoundingClientRect().bottom > 0);
  const place = seen && [seen.dataset.key, seen.getBoundingClientRect().top];
  const chosen = new Set([...main.querySelectorAll("[data-choose]:checked")].map((box) => box.dataset.choose));
  const focus = document.activeElement?.closest?.("[data-key]");
  const focused = focus && [focus.dataset.key, [...focus.querySelectorAll("a, button, summary, input")].indexOf(document.activeElement)];
  const loaded = new Map([...main.querySelectorAll("details[open][data-key]")].map((it) => [it.dataset.key, it]));
  for (const box of news.querySelectorAll("[data-choose]")) box.checked = chosen.has(box.dataset.choose);

  const form = main.querySelector(":scope > form.controls");
  const other = news.querySelector(":scope > form.controls");
  const isDirty = form && ([...form.elements].some((it) => it.type !== "hidden" && it.value !== it.defaultValue) || form.contains(document.activeElement));
  restoreFolds(news);
  for (const details of news.querySelectorAll("details[open][data-key]")) {
    const before = loaded.get(details.dataset.key);
    // Alerts that were brought later stay until they are brought again.
    if (before && details.querySelector("[data-more]") && !details.querySelector(".alert")) {
      details.replaceChildren(...before.childNodes);
    }
  }
  if (isDirty && other) {
    const nodes = [...news.childNodes], at = nodes.indexOf(other);
    for (const node of [...main.childNodes]) if (node !== form) node.remove();
    form.before(...nodes.slice(0, at));
    form.after(...nodes.slice(at + 1));
    showTimes(main);
  } else {
    main.replaceChildren(...news.childNodes);
    dress(main);
  }
  if (focused) [...(byKey(focused[0])?.querySelectorAll("a, button, summary, input") ?? [])][focused[1]]?.focus({ preventScroll: true });
  const now = place && byKey(place[0]);
  if (now) scrollBy(0, now.getBoundingClientRect().top - place[1]);
}

function stamp() {
  const fresh = document.getElementById("fresh");
  const time = document.createElement("time");
  time.dateTime = new Date(Date.now() + skew).toISOString();
  fresh.replaceChildren("As of ", time);
  showTimes(fresh);
  fresh.dataset.at = time.textContent;
}

async function expire(ids) {
  if (!ids.length) return notice("Choose at least one silence first.");
  const what = ids.length === 1 ? "this silence" : `${ids.length} silences`;
  if (!await ask(`End ${what}?`, ids.length === 1 ? "End it" : "End them")) return;
  const failed = new Map();
  for (const id of ids) {
    try {
      await json("DELETE", "/api/v2/silence/" + encodeURIComponent(id));
    } catch (error) {
      const why = error.status === 404 ? "It is not there any more: somebody else removed it" : error.message;
      failed.set(why, (failed.get(why) ?? 0) + 1);
    }
  }
  await refresh(true);
  if (failed.size) notice([...failed].map(([why, count]) => (count > 1 || ids.length > 1 ? `${count} of ${ids.length} not ended. ` : "Not ended. ") + why + ".").join(" "));
}

// Silences one alert for an hour, which can be taken back.
async function silenceAlert(fingerprint) {
  const creator = recall("defaultCreator", "") || await ask("Silence this alert for one hour", "Silence", "Your name");
  if (!creator) return;
  remember("defaultCreator", creator);
  try {
    const [sets] = await readSets("alert=" + encodeURIComponent(fingerprint));
    if (!sets?.length) throw new Error("The alert is not there any more");
    const now = Date.now() + skew;
    const body = silence(new Date(now), new Date(now + 3600e3), creator, "Acknowledged", sets[0]);
    const { silenceID } = await json("POST", "/api/v2/silences", body);
    await refresh(true);
    notice("Silenced for one hour.", "Undo", async () => {
      try { await json("DELETE", "/api/v2/silence/" + encodeURIComponent(silenceID)); await refresh(true); } catch (error) { notice(`Not undone. ${error.message}.`); }
    });
  } catch (error) {
    notice(`Not silenced. ${error.message}.`);
  }
}

function dressSettings(form) {
  for (const input of form.elements) {
    input.value = recall(input.name, input.options?.[0].value ?? "");
    input.addEventListener("change", () => {
      remember(input.name, input.value);
      if (input.name === "theme") {
        if (input.value === "auto") delete root.dataset.theme; else root.dataset.theme = input.value;
      }
      if (input.name === "zone") nameZone();
    });
  }
}

function nameZone() {
  document.getElementById("zone-switch").textContent = isLocal() ? "Times are local" : "Times in UTC";
  showTimes(document);
}

function dress(within) {
  showTimes(within);
  restoreFolds(within);
  for (const input of within.querySelectorAll("[data-complete]:not([role])")) combo(input);
}

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details[data-key]")) fill(event.target);
}, true);

document.addEventListener("click", (event) => {
  const summary = event.target.closest?.("summary");
  if (summary && !event.target.closest("a")) setTimeout(() => keepFold(summary.parentElement));
  const { expire: id, expireChosen, fold, silence: fingerprint } = event.target.dataset ?? {};
  if (id) expire([id]);
  if (expireChosen !== undefined) {
    expire([...document.querySelectorAll("[data-choose]:checked")].map((box) => box.dataset.choose));
  }
  if (fold) foldAll(fold === "open");
  if (fingerprint) silenceAlert(fingerprint);
});

document.addEventListener("change", (event) => {
  if (event.target.matches?.("#filters .switch input")) event.target.form.requestSubmit();
  if (event.target.matches?.("[data-choose-all]")) {
    for (const box of main.querySelectorAll("[data-choose]")) box.checked = event.target.checked;
  }
});

// Naming labels to group by means to group by them.
document.addEventListener("input", (event) => {
  if (event.target.id === "group") event.target.form.elements.customGrouping.checked = event.target.value.trim() !== "";
});

document.addEventListener("keydown", (event) => {
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
    const field = document.getElementById("filter");
    if (field) { event.preventDefault(); field.focus(); }
  }
  // In an empty field, Backspace takes the last filter back, unless the key is held.
  if (event.key === "Backspace" && event.target.id === "filter" && !event.target.value && !event.repeat) {
    [...document.querySelectorAll("#filters .filter a.chip")].pop()?.click();
  }
});

document.getElementById("zone-switch").addEventListener("click", () => {
  remember("zone", isLocal() ? "utc" : "local");
  nameZone();
  document.dispatchEvent(new Event("zone"));
});

if (root.dataset.unknown) notice(`There is no page ${root.dataset.unknown} here.`);
dress(main);
nameZone();
stamp();
for (const details of main.querySelectorAll("details[open][data-key]")) fill(details);
const form = document.getElementById("silence");
if (form) dressSilenceForm(form);
const settings = document.getElementById("settings");
if (settings) dressSettings(settings);
const seconds = Number(recall("refresh", "15"));
if (seconds > 0) setInterval(refresh, seconds * 1000);

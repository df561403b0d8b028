// What all scripts share: memory, requests, messages, questions, times.

export const root = document.documentElement;
export const prefix = root.dataset.prefix;
// How far the server's clock is ahead of this one: what it said when it made the page.
export const skew = new Date(root.dataset.now) - Date.now();

// What the reader chose; storage may be closed to us. Alertmanager's pages wrote JSON texts.
export function recall(key, otherwise) {
  try { return localStorage.getItem(key)?.replace(/^"(.*)"$/, "$1") ?? otherwise; } catch { return otherwise; }
}
export function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* then it holds for this page only */ }
}

// Makes an element with properties and children.
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Says something on top of the page, with a button for what can be done about it.
export function notice(text, label, action) {
  const place = document.getElementById("notice");
  if (!text) return place.replaceChildren();
  const shut = make("button", { type: "button", className: "plain", textContent: "×", onclick: () => notice("") });
  shut.setAttribute("aria-label", "Close");
  const button = label && make("button", { type: "button", textContent: label, onclick: () => { notice(""); action(); } });
  place.replaceChildren(make("span", { textContent: text }), ...(button ? [button] : []), shut);
}

const SESSION = "The answer does not come from campana: the session with a proxy in front of it may have expired. "
  + "Sign in again in another tab, then repeat this.";

// Fetches; every way to fail becomes an error whose text can be shown.
async function request(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, { redirect: "manual", ...options });
  } catch {
    throw new Error("The server cannot be reached");
  }
  const type = answer.headers.get("Content-Type") ?? "";
  if (answer.type === "opaqueredirect" || answer.status === 401) throw new Error(SESSION);
  if (answer.ok) return [answer, await answer.text(), type];
  let why = (await answer.text()).trim();
  if (type.includes("html")) why = "";
  try { const read = JSON.parse(why); why = read.message ?? read; } catch { /* plain text */ }
  if (typeof why !== "string" || why.length > 500) why = "";
  const error = new Error(answer.status >= 500 ? `The server failed (${answer.status})${why && ": " + why}` : why || `The server refuses (${answer.status})`);
  error.status = answer.status;
  throw error;
}

// Fetches a page, or a piece of one that has an element of the kind `sign`.
export async function page(url, sign) {
  const [, text] = await request(url, { headers: { Accept: "text/html" } });
  const read = new DOMParser().parseFromString(text, "text/html");
  if (!read.querySelector(sign)) throw new Error(SESSION);
  return read;
}

export async function json(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const [, text, type] = await request(prefix + path, { method, headers, body: body && JSON.stringify(body) });
  if (text && !type.includes("json")) throw new Error(SESSION);
  return text ? JSON.parse(text) : null;
}

// Asks in a dialog. Comes to what was typed, to true where nothing is to be typed, or to null.
export function ask(title, ok, field) {
  const input = field && make("input", { name: "answer", required: true, autocomplete: "name" });
  const cancel = make("button", { type: "button", textContent: "Cancel" });
  const form = make("form", { method: "dialog" }, make("h2", { textContent: title }),
    ...(input ? [make("label", { className: "field" }, field, input)] : []),
    make("div", { className: "row" }, make("button", { className: "primary", textContent: ok }), cancel));
  const dialog = make("dialog", {}, form);
  dialog.setAttribute("aria-label", title);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answer = null;
    form.addEventListener("submit", () => { answer = input ? input.value.trim() || null : true; });
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); resolve(answer); });
    dialog.showModal();
  });
}

export const isLocal = () => recall("zone", "utc") === "local";

const two = (number) => String(number).padStart(2, "0");

function offset(at) {
  const minutes = -at.getTimezoneOffset();
  return (minutes < 0 ? "-" : "+") + two(Math.floor(Math.abs(minutes) / 60)) + ":" + two(Math.abs(minutes) % 60);
}

// Writes a time for fields, in the zone of the reader's choice.
export function writeTime(at) {
  if (!isLocal()) return at.toISOString();
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}${offset(at)}`;
}

export function showTimes(within) {
  for (const time of within.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) continue;
    const text = writeTime(at);
    time.textContent = `${text.slice(0, 10)} ${text.slice(11, 19)} ${isLocal() ? text.slice(19) : "UTC"}`;
  }
}

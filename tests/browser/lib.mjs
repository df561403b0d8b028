// The browser, pages that fail on anything strange, and what tests say about them.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const PATIENCE = 20000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCREENSHOTS = process.env.CAMPANA_SCREENSHOTS;
if (SCREENSHOTS) mkdirSync(SCREENSHOTS, { recursive: true });

const WIDE = { width: 1200, height: 900 };
const NARROW = { width: 375, height: 740 };

// How people look at the pages. Every flow is played in the first three.
export const LOOKS = {
  light: { colorScheme: "light", viewport: WIDE },
  dark: { colorScheme: "dark", viewport: WIDE },
  narrow: { colorScheme: "light", viewport: NARROW },
  "dark-narrow": { colorScheme: "dark", viewport: NARROW },
  noscript: { colorScheme: "light", viewport: WIDE, javaScriptEnabled: false },
  "noscript-narrow": { colorScheme: "dark", viewport: NARROW, javaScriptEnabled: false },
};

// Opens one browser for all tests, with a folder of its own that is gone afterwards.
export async function launch(executablePath) {
  const folder = mkdtempSync(join(tmpdir(), "campana-browser-"));
  const browser = await chromium.launch({ executablePath, args: FLAGS, env: { ...process.env, HOME: folder } });
  const close = async () => { await browser.close(); rmSync(folder, { recursive: true, force: true }); };
  return { browser, close };
}

// A tab in the look that is being tested. It remembers everything strange: errors of scripts and on the console, which includes
// violations of the content policy, requests that failed, and answers that are errors. `allow` lists
// what a test expects of that.
export async function open({ browser, look }, options = {}) {
  const { allow = [], memory = {}, height, ...rest } = options;
  const viewport = { ...look.viewport, ...(height && { height }) };
  const context = await browser.newContext({ ...look, viewport, ...rest });
  context.setDefaultTimeout(PATIENCE);
  // What a reader chose before; without it pages do not refresh by themselves while tests look.
  const entries = Object.entries({ refresh: "0", ...memory });
  await context.addInitScript((entries) => {
    try { for (const [key, value] of entries) if (localStorage.getItem(key) === null) localStorage.setItem(key, value); } catch { /* about:blank */ }
  }, entries);
  const page = await context.newPage();
  if (look.javaScriptEnabled === false) page.twin = () => twin(browser, look, context, page);
  const strange = [];
  const note = (text) => { if (!allow.some((allowed) => allowed.test(text))) strange.push(text); };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) note(`console: ${message.text()}`); });
  page.on("pageerror", (error) => note(`script: ${error.message}`));
  page.on("requestfailed", (request) => {
    // Leaving a page ends what it was asking for.
    const why = request.failure()?.errorText ?? "";
    if (why !== "net::ERR_ABORTED") note(`request: ${request.url()} ${why}`);
  });
  page.on("response", (response) => { if (response.status() >= 400) note(`answer: ${response.status()} ${response.url()}`); });
  const close = async () => {
    await context.close();
    assert.deepEqual(strange, [], "nothing strange happens on the page");
  };
  return { page, context, close, strange };
}

// axe-core waits by the timers of the page, which stand still where scripts are off. So it looks at a
// twin: the same address, with the scripts taken out.
async function twin(browser, look, context, page) {
  const other = context.twin ??= await (async () => {
    const made = await browser.newContext({ ...look, javaScriptEnabled: true });
    context.on("close", () => made.close());
    const other = await made.newPage();
    await other.route("**/*.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
    return other;
  })();
  await other.goto(page.url());
  return other;
}

// Fails when a page is wider than its window, or when axe-core finds something serious.
export async function inspect(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `the page is ${wide} px wider than its window`);
  assert.equal(await page.evaluate(() => window.owned), undefined, "no text of an alert runs as a script");
  if (page.twin) page = await page.twin();
  // What is fading in has not its contrast yet.
  await page.evaluate(() => Promise.all(document.getAnimations().map((it) => it.finished)));
  if (!await page.evaluate(() => Boolean(window.axe))) await page.evaluate(AXE + ";0");
  const violations = await page.evaluate(async () => {
    const found = await window.axe.run(document, { resultTypes: ["violations"] });
    return found.violations.filter((it) => ["serious", "critical"].includes(it.impact))
      .map((it) => `${it.impact} ${it.id}: ${it.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
  });
  assert.deepEqual(violations, [], "axe-core finds nothing serious");
}

export async function screenshot(page, name) {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

// Waits until a function of the page says yes.
export const until = (page, test, argument) => page.waitForFunction(test, argument);

// Waits until a text can be seen.
export const see = (page, text) => page.getByText(text).first().waitFor();

export const text = (page, selector) => page.locator(selector).first().innerText();

export { assert };

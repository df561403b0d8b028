// When something is wrong: each says what happened and keeps what was typed.

import { expireSilence, postSilence } from "./seed.mjs";
import { assert, inspect, open, see, text, until } from "./lib.mjs";

const EXPECTED = [/Failed to load resource/, /login\.example/, /icon\.svg/, /answer: [45]\d\d/, /net::ERR_/];
const LOGIN = "<!doctype html><title>Login</title><form><input name=password></form>";

// The ways in which a server or a proxy can fail, with what the reader is told.
const FAULTS = [
  ["a dead server", (route) => route.abort("connectionrefused"), "The server cannot be reached"],
  ["a 500", (route) => route.fulfill({ status: 500, contentType: "text/plain", body: "kaboom" }), "The server failed (500): kaboom"],
  ["an expired session, redirected", (route) => route.fulfill({ status: 302, headers: { Location: "https://login.example/" } }), "the session with a proxy in front of it may have expired"],
  ["an expired session, refused", (route) => route.fulfill({ status: 401, contentType: "text/html", body: LOGIN }), "the session with a proxy in front of it may have expired"],
  ["an expired session, with a form", (route) => route.fulfill({ status: 200, contentType: "text/html", body: LOGIN }), "the session with a proxy in front of it may have expired"],
];

const DRAFT = { "#creator": "carl", "#comment": "typed with care", "#annotations": "ticket=9" };

async function draft(page, url) {
  await page.goto(url + '/silences/new?filter={alertname="NoSuchAlert"}');
  await see(page, "Affected alerts: 0");
  for (const [field, value] of Object.entries(DRAFT)) await page.fill(field, value);
}

async function isKept(page) {
  for (const [field, value] of Object.entries(DRAFT)) assert.equal(await page.inputValue(field), value);
  assert.equal(await page.inputValue("#sets input"), 'alertname="NoSuchAlert"');
}

export const faults = {
  "a server that is dead, failing or behind an expired session is named, and typing is kept": async ({ browser, url }) => {
    for (const [what, answer, told] of FAULTS) {
      const { page, close } = await open(browser, { allow: EXPECTED });
      await draft(page, url);
      await page.route("**/*", answer);
      await page.click("[type=submit]");
      await see(page, told);
      await isKept(page);
      if (what === "a 500") await inspect(page);
      await page.fill("#sets input", 'alertname="NoSuchAlert"  ');
      await see(page, "No preview: ");
      await page.fill("#sets input", 'alertname="NoSuchAlert"');
      await page.unrouteAll();
      await page.click("[type=submit]");
      await page.waitForURL(/\/silences\/[0-9a-f-]{36}$/);
      await see(page, "typed with care");
      await page.route("**/*", answer);
      await page.click("[data-expire]");
      await page.click("dialog .primary");
      await see(page, "Not ended").catch((error) => { throw new Error(`${what}: ${error.message}`); });
      await page.unrouteAll();
      await page.click("[data-expire]");
      await page.click("dialog .primary");
      await page.locator(".badge.expired").waitFor();
      await close();
    }
  },

  "a page that cannot be refreshed says so and comes back": async ({ browser, url }) => {
    for (const [, answer, told] of FAULTS) {
      const { page, close } = await open(browser, { allow: EXPECTED, memory: { refresh: "1" } });
      await page.goto(url + "/");
      await page.route("**/*", answer);
      await see(page, "Not refreshed: what you see is of");
      await see(page, told);
      if (told.includes("reached")) await inspect(page);
      assert.ok(await page.locator(".alert").count() > 0, "what was there stays");
      await page.unrouteAll();
      await until(page, () => !document.querySelector("#notice").textContent);
      await close();
    }
  },

  "a silence that another tab removed is explained": async ({ browser, url }) => {
    const id = await postSilence(url, [["job", "gone"]], { comment: "Soon gone" });
    const { page, close } = await open(browser, { allow: EXPECTED });
    await page.goto(`${url}/silences/${id}/edit`);
    await page.fill("#comment", "typed with care");
    // As if it had been forgotten: the server knows no such id.
    await page.evaluate(() => { document.getElementById("silence").dataset.id = "00000000-0000-4000-8000-000000000000"; });
    await page.click("[type=submit]");
    await see(page, "This silence is not there any more");
    assert.equal(await page.inputValue("#comment"), "typed with care");
    await page.click("[type=submit]");
    await page.waitForURL(/\/silences\/[0-9a-f-]{36}$/);
    await see(page, "typed with care");
    const made = page.url().split("/").pop();
    // Ended elsewhere: ending it again is no error, and the page shows what is.
    await expireSilence(url, made);
    await expireSilence(url, id);
    await page.click("[data-expire]");
    await page.click("dialog .primary");
    await page.locator(".badge.expired").waitFor();
    // Unknown altogether.
    await page.goto(`${url}/silences/00000000-0000-4000-8000-000000000000`);
    await see(page, "Silence not found");
    await page.goto(`${url}/silences/00000000-0000-4000-8000-000000000000/edit`);
    await see(page, "There is no such silence any more.");
    const other = await postSilence(url, [["job", "gone too"]], { comment: "Gone in the list" });
    await page.goto(`${url}/silences?search=gone+in`);
    await page.check("[data-choose]");
    await page.evaluate(() => { document.querySelector("[data-choose]").dataset.choose = "00000000-0000-4000-8000-000000000000"; });
    await page.click("[data-expire-chosen]");
    await page.click("dialog .primary");
    await see(page, "It is not there any more: somebody else removed it");
    await expireSilence(url, other);
    await close();
  },

  "an invalid matcher is told while it is typed": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/");
    await page.locator("#filter").pressSequentially('instance=~"("');
    await until(page, () => document.querySelector("#filter").getAttribute("aria-invalid") === "true");
    assert.ok((await text(page, ".complaint:not(:empty)")).length > 5);
    await inspect(page);
    await page.keyboard.press("Enter");
    await see(page, "is no filter");
    assert.equal(await page.inputValue("#filter"), 'instance=~"("');
    await page.goto(url + "/silences/new");
    await page.fill("#creator", "carl");
    await page.fill("#comment", "typed with care");
    await page.locator("#sets input").pressSequentially('instance=~"[", a');
    await see(page, "is no filter");
    await page.click("[type=submit]");
    await see(page, "Please complete the matchers");
    await inspect(page);
    assert.equal(await page.inputValue("#sets input"), 'instance=~"[", a');
    assert.equal(await page.inputValue("#comment"), "typed with care");
    await page.fill("#sets input", "@state=active");
    await see(page, "A silence cannot ask with @");
    await page.fill("#ends", "tomorrow");
    await page.click("[type=submit]");
    await see(page, "End: Wrong ISO8601 format");
    await page.fill("#starts", "2020-01-01T00:00:00Z");
    await page.fill("#ends", "2020-01-02T00:00:00Z");
    await page.click("[type=submit]");
    await see(page, "End: Can't be in the past");
    await close();
  },

  "a clock that differs by an hour is told, and the server's counts": async ({ browser, url }) => {
    for (const [hours, word] of [[1, "ahead of"], [-1, "behind"]]) {
      const { page, close } = await open(browser);
      await page.clock.install({ time: Date.now() + hours * 3600e3 });
      await page.goto(url + '/silences/new?filter={alertname="NoSuchAlert"}');
      await see(page, `This computer's clock is 1h ${word} the server's; the server's counts.`);
      await inspect(page);
      const from = new Date(await page.inputValue("#starts")).getTime();
      assert.ok(Math.abs(from - Date.now()) < 60000, "the start is the server's time");
      await page.fill("#creator", "clock");
      await page.fill("#comment", "another time");
      await page.click("text=15m");
      await page.click("[type=submit]");
      await page.waitForURL(/\/silences\/[0-9a-f-]{36}$/);
      await page.locator(".badge.active").waitFor();
      await expireSilence(url, page.url().split("/").pop());
      await close();
    }
  },
};

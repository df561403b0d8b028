// What people do with silences.

import { expireSilence, postAlerts, postSilence } from "./seed.mjs";
import { assert, inspect, open, see, text, until } from "./lib.mjs";

const encode = encodeURIComponent;
const alerts = (count) => Array.from({ length: count }, (_, i) => ({ labels: { alertname: "Form", number: String(i) } }));
const end = (page) => page.inputValue("#ends").then((it) => new Date(it).getTime());
const start = (page) => page.inputValue("#starts").then((it) => new Date(it).getTime());
const HOUR = 3600e3;

async function all(url) {
  return (await fetch(url + "/api/v2/silences")).json();
}

export const silencing = {
  "start, duration and end follow each other": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/silences/new");
    assert.equal(await page.inputValue("#duration"), "2h");
    assert.equal(await end(page) - await start(page), 2 * HOUR);
    await page.fill("#duration", "1d 1.5h");
    assert.equal(await end(page) - await start(page), 25.5 * HOUR);
    await page.click("text=15m");
    assert.equal(await end(page) - await start(page), HOUR / 4);
    await page.fill("#ends", new Date(await start(page) + 3 * HOUR).toISOString());
    await page.keyboard.press("Tab");
    assert.equal(await page.inputValue("#duration"), "3h");
    await page.fill("#starts", new Date(await start(page) + HOUR).toISOString());
    await page.keyboard.press("Tab");
    assert.equal(await page.inputValue("#duration"), "2h");
    await page.fill("#duration", "soon");
    assert.equal(await page.getAttribute("#duration", "aria-invalid"), "true");
    await inspect(page);
    await page.click("text=Reset");
    await until(page, () => document.getElementById("duration").value === "2h");
    await close();
  },

  "days are picked in a calendar": async ({ browser, url }) => {
    const { page, close } = await open(browser, { memory: { firstDayOfWeek: "Monday" } });
    await page.goto(url + "/silences/new");
    // It is loaded when it is asked for, and opens once, however often it is asked for meanwhile.
    await page.locator("[data-calendar]").evaluate((it) => { it.click(); it.click(); });
    await page.locator("dialog.calendar").waitFor();
    assert.equal(await page.locator("dialog").count(), 1);
    assert.equal(await text(page, ".days abbr"), "Mo");
    await page.click("[aria-label='Next month']");
    const days = page.locator(".days button");
    await days.nth(9).click();
    await days.nth(11).hover();
    await days.nth(11).click();
    assert.equal(await page.locator(".days [aria-pressed=true]").count(), 3);
    await inspect(page);
    await page.fill("dialog input >> nth=0", "08:00");
    await page.fill("dialog input >> nth=1", "18:30");
    await page.click("dialog .primary");
    assert.match(await page.inputValue("#starts"), /-10T08:00:00/);
    assert.match(await page.inputValue("#ends"), /-12T18:30:00/);
    assert.equal(await page.inputValue("#duration"), "2d 10h 30m");
    await page.click("[data-calendar]");
    await page.locator("dialog.calendar").waitFor();
    await page.keyboard.press("Escape");
    await until(page, () => !document.querySelector("dialog"));
    await close();
  },

  "a silence is made from an alert, changed, ended and made anew": async ({ browser, url }) => {
    await postAlerts(url, alerts(3));
    const { page, close } = await open(browser);
    await page.goto(`${url}/?filter=${encode('alertname="Form"')}`);
    await page.click(".alert:has-text('number=1') .actions >> text=/^Silence$/");
    await see(page, "Affected alerts: 1");
    assert.equal(await page.inputValue("#sets input"), 'alertname="Form", number="1"');
    // Nothing is sent before everything is there.
    await page.click("[type=submit]");
    await see(page, "Creator: Should not be empty");
    await page.fill("#creator", "  olga ");
    await page.click("[type=submit]");
    await see(page, "Comment: Should not be empty");
    await inspect(page);
    await page.fill("#comment", "Made in a browser\nsee https://tickets.example/7");
    await page.fill("#annotations", "ticket=7\nticket=8");
    await page.click("[type=submit]");
    await see(page, "Annotations: ticket is there twice");
    await page.fill("#annotations", "ticket=7");
    await page.click("text=4h");
    // The preview follows what is typed.
    await page.fill("#sets input", 'alertname="Form", number=~"0|1"');
    await until(page, () => document.querySelector("[data-affected]").textContent === "2");
    await page.click("[type=submit]");
    await page.waitForURL(/\/silences\/[0-9a-f-]{36}$/);
    for (const sign of ["olga", "Made in a browser", "Affected alerts: 2", "ticket"]) await see(page, sign);
    const id = page.url().split("/").pop();
    const made = (await all(url)).find((silence) => silence.id === id);
    assert.deepEqual(made.matchers, [
      { isEqual: true, isRegex: false, name: "alertname", value: "Form" },
      { isEqual: true, isRegex: true, name: "number", value: "0|1" }]);
    assert.deepEqual([made.createdBy, made.annotations], ["olga", { ticket: "7" }]);
    // Edit: filled in, with the preview at once.
    await page.click("text=Edit");
    await see(page, "Affected alerts: 2");
    assert.equal(await page.inputValue("#creator"), "olga");
    assert.ok(await page.locator("#starts").evaluate((it) => it.readOnly), "an active silence keeps its start");
    await page.fill("#comment", "Changed in a browser");
    await page.click("[type=submit]");
    await page.waitForURL(/\/silences\/[0-9a-f-]{36}$/);
    await see(page, "Changed in a browser");
    // End: only after a question.
    await page.click("text=Expire");
    await page.locator("dialog").waitFor();
    await inspect(page);
    await page.click("dialog >> text=Cancel");
    assert.equal(await page.locator(".badge.active").count(), 1);
    await page.click("text=Expire");
    await page.click("dialog .primary");
    await page.locator(".badge.expired").waitFor();
    await inspect(page);
    // Anew, with everything it had.
    await page.click("text=Recreate");
    await page.waitForURL(/\/silences\/new/);
    assert.equal(await page.inputValue("#sets input"), 'alertname="Form", number=~"0|1"');
    assert.equal(await page.inputValue("#comment"), "Changed in a browser");
    assert.equal(await page.inputValue("#annotations"), "ticket=7");
    assert.equal(await page.inputValue("#creator"), "olga", "the name is remembered");
    await close();
  },

  "each line of matchers makes a silence": async ({ browser, url }) => {
    await postAlerts(url, alerts(3));
    const { page, close } = await open(browser);
    await page.goto(url + "/silences/new");
    await page.locator("#sets input").pressSequentially("alertname=\"Form\", num");
    await page.getByRole("option", { name: 'alertname="Form", number=', exact: true }).click();
    await page.getByRole("option", { name: 'alertname="Form", number="0"' }).click();
    await page.click("[data-add-set]");
    await page.locator("#sets input >> nth=1").fill('alertname="Form", number="2"');
    await until(page, () => document.querySelector("[data-affected]")?.textContent === "2");
    await inspect(page);
    await page.fill("#creator", "lines");
    await page.fill("#comment", "Two lines");
    await page.click("[type=submit]");
    await page.waitForURL(/\/silences\?search=lines/);
    await see(page, "Active 2");
    const made = (await all(url)).filter((it) => it.createdBy === "lines" && it.status.state === "active");
    assert.deepEqual(made.map((it) => it.matchers[1].value).sort(), ["0", "2"]);
    for (const { id } of made) await expireSilence(url, id);
    // Lines can be taken away again.
    await page.goto(url + '/silences/new?filter={alertname="Form"}&filter={job="none"}');
    await see(page, "Affected alerts: 3");
    await page.click("[data-drop-set] >> nth=0");
    await until(page, () => document.querySelector("[data-affected]")?.textContent === "0");
    await close();
  },

  "one click silences an alert for an hour, another takes it back": async ({ browser, url }) => {
    await postAlerts(url, alerts(3));
    const { page, close } = await open(browser);
    await page.goto(`${url}/?filter=${encode('alertname="Form"')}`);
    const button = page.locator(".alert:has-text('number=2') [data-silence]");
    await button.click();
    await page.locator("dialog").waitFor();
    await inspect(page);
    await page.fill("dialog input", "quick");
    await page.click("dialog .primary");
    await see(page, "Silenced for one hour.");
    await inspect(page);
    await until(page, () => !document.querySelector("main").innerText.includes("number=2"));
    const made = (await all(url)).find((it) => it.createdBy === "quick");
    assert.equal(Math.round((new Date(made.endsAt) - new Date(made.startsAt)) / 60000), 60);
    await page.click("text=Undo");
    await button.waitFor();
    await button.click();
    await see(page, "Silenced for one hour.");
    await page.click("text=Undo");
    await button.waitFor();
    await close();
  },

  "the list counts, searches, filters and ends many at once": async ({ browser, url }) => {
    for (let i = 0; i < 3; i += 1) await postSilence(url, [["job", `many-${i}`]], { createdBy: "crowd", comment: `One of many ${i}` });
    const { page, close } = await open(browser);
    await page.goto(url + "/silences");
    for (const sign of ["The tape robot is being repaired", "by maria", "Ends in"]) await see(page, sign);
    assert.equal(await page.getAttribute("dd a", "href"), "https://tickets.example/OPS-412");
    await page.fill("#search", "CROWD");
    await page.click("text=Show");
    await see(page, "Active 3");
    await see(page, "Pending 0");
    await page.check("[data-choose-all]");
    await page.uncheck("[data-choose] >> nth=0");
    await page.click("[data-expire-chosen]");
    await see(page, "End 2 silences?");
    await inspect(page);
    await page.click("dialog .primary");
    await see(page, "Active 1");
    await page.click("text=Expired");
    await see(page, "One of many");
    assert.ok(page.url().includes("search=CROWD"), "the search stays");
    await page.goto(url + "/silences");
    await page.click("a.chip:has-text('backup-')");
    await see(page, "Active 1");
    await page.click(".remove");
    await see(page, "The tape robot");
    await page.goto(url + "/silences?state=pending&search=jonas");
    await see(page, "Starts in");
    await see(page, "Delete");
    await close();
  },
};

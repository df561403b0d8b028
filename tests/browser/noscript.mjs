// What people do where scripts are off: links and forms do it all, except making and ending silences.

import { assert, inspect, open, see } from "./lib.mjs";
import { lookAt } from "./looks.mjs";

const filters = (page) => new URL(page.url()).searchParams.getAll("filter").filter(Boolean);

// Does something, and waits for the page that it leads to.
async function leads(page, act) {
  await Promise.all([page.waitForEvent("load"), act()]);
}

export const noscript = {
  "every page can be read without scripts": async (world) => {
    const { page, close } = await open(world.browser);
    await lookAt(page, world);
    await close();
  },

  "no button stands there that needs a script": async ({ browser, url, silences }) => {
    const { page, close } = await open(browser);
    for (const path of ["/", "/silences", `/silences/${silences.active}`, "/silences/new", "/settings"]) {
      await page.goto(url + path);
      const dead = await page.$$eval("button", (all) => all.filter((it) => it.checkVisibility()
        && !(it.type === "submit" && it.form?.hasAttribute("action"))).map((it) => it.outerHTML));
      assert.deepEqual(dead, [], path);
    }
    await page.goto(url + "/silences/new");
    await see(page, "Making a silence here needs scripts");
    await page.goto(url + "/settings");
    await see(page, "need scripts");
    await close();
  },

  "filters, receiver, switches and grouping are one form": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/");
    await page.fill("#filter", 'team="network"');
    await leads(page, () => page.click("text=Add"));
    await see(page, "3 alerts in 1 group");
    await page.fill("#filter", "@age>30m");
    await leads(page, () => page.keyboard.press("Enter"));
    await see(page, /2 alerts in 1 group|3 alerts in 1 group/);
    assert.deepEqual(filters(page), ['team="network"', "@age>30m"]);
    await leads(page, () => page.click("#filters .remove >> nth=0"));
    await leads(page, () => page.click("#filters .filter a.chip"));
    assert.equal(await page.inputValue("#filter"), "@age>30m");
    await page.fill("#filter", "@age>soon");
    await leads(page, () => page.keyboard.press("Enter"));
    await see(page, "is no filter");
    assert.equal(await page.inputValue("#filter"), "@age>soon");
    await inspect(page);
    await page.goto(url + "/");
    await page.fill("#receiver", "web\\.shop");
    await leads(page, () => page.click("text=Show >> nth=0"));
    await see(page, "2 alerts in 2 groups");
    await page.fill("#receiver", "(");
    await leads(page, () => page.keyboard.press("Enter"));
    await see(page, "is no receiver");
    assert.equal(await page.inputValue("#receiver"), "(");
    await inspect(page);
    await page.goto(url + "/");
    await page.check("input[name=silenced]");
    await page.check("input[name=inhibited]");
    await page.uncheck("input[name=active][type=checkbox]");
    await leads(page, () => page.click("text=Show >> nth=0"));
    await see(page, "Silenced by maria");
    await see(page, "Inhibited by NodeDown");
    await page.fill("#group", "team, cluster");
    await page.check("input[name=customGrouping]");
    await leads(page, () => page.click("text=Show >> nth=0"));
    await see(page, "3 alerts in 3 groups");
    // Groups fold without a script.
    await page.click("summary:has-text('ops')");
    await page.locator(".alert:has-text('tape robot')").waitFor({ state: "hidden" });
    await close();
  },

  "long lists turn their pages by links": async ({ browser, big }) => {
    const { page, close } = await open(browser);
    await page.goto(big + "/");
    await see(page, "Page 1 of 3");
    await leads(page, () => page.click("a[rel=next]"));
    await see(page, "Page 2 of 3");
    await page.goto(big + "/");
    await page.click("details:has(summary:has-text('Bulk')) .receiver");
    await leads(page, () => page.click("details:has(summary:has-text('Bulk')) [data-more]"));
    await see(page, "Page 1 of 247");
    await inspect(page);
    await close();
  },

  "silences are found, and the tools to change them are named": async ({ browser, url, silences }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/silences");
    await leads(page, () => page.click(".tabs a:has-text('Pending')"));
    await see(page, "Switch upgrade in us-east");
    await leads(page, () => page.click(".tabs a:has-text('Active')"));
    await page.fill("#search", "TAPE");
    await leads(page, () => page.click("text=Show"));
    await see(page, "Active 1");
    await leads(page, () => page.click("a.chip:has-text('backup-')"));
    await see(page, "Active 1");
    await page.goto(`${url}/silences/${silences.active}`);
    await see(page, "Affected alerts: 1");
    await page.goto(`${url}/silences/new?filter={team="web"}&comment=OPS-1`);
    await see(page, "campanactl silence add");
    await see(page, "Affected alerts: 2");
    assert.equal(await page.inputValue("#comment"), "OPS-1");
    await close();
  },

  "labels are tried on the routing tree": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/status");
    await page.fill("#labels", 'team="db", severity="warning"');
    await leads(page, () => page.keyboard.press("Enter"));
    await see(page, "database-night");
    await see(page, "Muted by always");
    assert.equal(await page.locator("svg .lit").count(), 1);
    await page.fill("#labels", 'a=~"b"');
    await leads(page, () => page.keyboard.press("Enter"));
    await see(page, "is no label");
    assert.equal(await page.inputValue("#labels"), 'a=~"b"');
    await inspect(page);
    await close();
  },
};

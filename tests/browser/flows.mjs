// What people do with alerts, on the status page, and with links from elsewhere.

import { postAlerts } from "./seed.mjs";
import { assert, inspect, open, see, text, until } from "./lib.mjs";

const query = (page) => new URL(page.url()).searchParams;
const filters = (page) => query(page).getAll("filter").filter(Boolean);
const encode = encodeURIComponent;

export const flows = {
  "filters complete, become chips, are changed and removed": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/");
    await page.keyboard.press("/");
    await page.keyboard.type("sev");
    await page.getByRole("option", { name: "severity=", exact: true }).waitFor();
    assert.equal(await page.getAttribute("#filter", "aria-expanded"), "true");
    await inspect(page);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await page.inputValue("#filter"), "severity=");
    await page.getByRole("option", { name: 'severity="critical"' }).hover();
    await page.getByRole("option", { name: 'severity="critical"' }).click();
    await page.keyboard.press("Enter");
    await see(page, "3 alerts in 3 groups");
    assert.deepEqual(filters(page), ['severity="critical"']);
    // The same again changes nothing.
    await page.fill("#filter", 'severity = "critical"');
    await page.click("text=Add");
    await page.waitForURL(/filter=severity\+/);
    assert.equal(await page.locator("#filters .filter").count(), 1);
    // A click puts it back into the field.
    await page.click("#filters .filter a.chip");
    await page.waitForURL(/edit=/);
    assert.equal(await page.inputValue("#filter"), 'severity="critical"');
    assert.equal(await page.locator("#filters .filter").count(), 0);
    await page.fill("#filter", '{severity=~"crit.*", team!="web",}');
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await see(page, "2 alerts in 2 groups");
    assert.equal(await page.locator("#filters .filter").count(), 2);
    await inspect(page);
    await page.click("#filters .remove >> nth=1");
    await see(page, "3 alerts in 3 groups");
    // Backspace in the empty field takes the last one back.
    await page.focus("#filter");
    await page.keyboard.press("Backspace");
    await page.waitForURL(/edit=/);
    assert.equal(await page.inputValue("#filter"), 'severity=~"crit.*"');
    // An example is one click away, and so is every label.
    await page.goto(url + "/");
    await page.click("text=@age<1h");
    await see(page, "@age<1h");
    assert.deepEqual(filters(page), ["@age<1h"]);
    await page.click(".alert a.chip:has-text('node-12')");
    await see(page, "1 alert in 1 group");
    assert.deepEqual(filters(page), ["@age<1h", 'instance="node-12"']);
    await close();
  },

  "questions with @ choose by age, state and receiver": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    for (const [filter, more, sign] of [
      ["@age>2h", "", "2 alerts in 2 groups"],
      ["@state=silenced", "&silenced=true", "Silenced by maria"],
      ["@state=inhibited", "&inhibited=true", "Inhibited by NodeDown"],
      ["@state=muted", "&muted=true", "Muted by always"],
      ["@receiver=platform", "", "5 alerts in 3 groups"],
      ["@receiver=~\"web.*\"", "", "2 alerts in 2 groups"],
      ["@age<1m", "", "Nothing fits all filters"],
    ]) {
      await page.goto(`${url}/?filter=${encode(filter)}${more}`);
      await see(page, sign);
    }
    await page.goto(`${url}/?filter=${encode("@owner=me")}`);
    await see(page, "there is no @owner");
    await inspect(page);
    assert.equal(await page.inputValue("#filter"), "@owner=me");
    await close();
  },

  "a receiver is chosen from the list or by a pattern": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/");
    await page.click("#receiver");
    await page.getByRole("option", { name: "All", exact: true }).waitFor();
    await inspect(page);
    await page.keyboard.type("shop");
    await until(page, () => document.querySelectorAll("[role=option]").length === 2);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await see(page, "2 alerts in 2 groups");
    assert.equal(query(page).get("receiver"), "web\\.shop");
    await page.fill("#receiver", "(platform|database)");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await see(page, "6 alerts in 4 groups");
    await page.goto(`${url}/?receiver=(`);
    await see(page, "is no receiver");
    assert.equal(await page.inputValue("#receiver"), "(");
    await close();
  },

  "alerts are grouped by labels of the reader's choice": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(`${url}/?filter=${encode('alertname!="Hostile"')}`);
    await page.fill("#group", "clu");
    await page.getByRole("option", { name: "cluster" }).waitFor();
    await inspect(page);
    await page.getByRole("option", { name: "cluster" }).click();
    await page.locator("#group").pressSequentially(", tea");
    await page.getByRole("option", { name: "cluster, team" }).click();
    assert.ok(await page.isChecked("input[name=customGrouping]"), "naming labels means grouping by them");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await page.waitForURL(/group=cluster/);
    await see(page, "9 alerts in 6 groups");
    assert.equal(await page.locator("summary:has-text('us-east'):has-text('network')").count(), 1);
    await page.goto(`${url}/?customGrouping=true&group=&filter=${encode('alertname!="Hostile"')}`);
    await see(page, "Not grouped");
    // What the intervals of its groups mute is muted here, too.
    const muted = await page.goto(`${url}/?customGrouping=true&group=team&muted=true&filter=${encode('alertname!="Hostile"')}`);
    assert.ok(muted.ok());
    await see(page, "10 alerts in 5 groups");
    await page.goBack();
    await see(page, "9 alerts in 1 group");
    await close();
  },

  "switches show and count what is silenced, inhibited and muted": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(`${url}/?filter=${encode('alertname!="Hostile"')}`);
    const count = (name) => text(page, `.switch:has(input[name=${name}]) .number`);
    await until(page, () => document.querySelector(".switch:has(input[name=muted]) .number").textContent === "1");
    assert.deepEqual([await count("active"), await count("silenced"), await count("inhibited")], ["9", "1", "2"]);
    await page.check("input[name=silenced]");
    await page.waitForURL(/silenced=true/);
    await see(page, /Silenced by maria: The tape robot is being repaired.*, ends in 1h 5\dm|Silenced by maria: .*, ends in 2h/);
    await page.check("input[name=inhibited]");
    await page.waitForURL(/inhibited=true/);
    await page.click("a.badge.inhibited");
    await see(page, "It fires, and nothing mutes it.");
    await page.goBack();
    await page.check("input[name=muted]");
    await page.waitForURL(/muted=true/);
    await see(page, "Muted by always");
    await page.uncheck("input[name=active][type=checkbox]");
    await see(page, "4 alerts in");
    await inspect(page);
    assert.equal(await page.locator(".alert:has-text('node-12 has not answered')").count(), 0);
    await page.goto(`${url}/?active=false&filter=${encode('alertname="NodeDown"')}`);
    await see(page, "1 alert is active.");
    await inspect(page);
    await close();
  },

  "an alert shows its source, link, annotations and age": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(`${url}/?filter=${encode('alertname="DiskWillFill"')}&filter=${encode('severity="critical"')}`);
    await see(page, "/var/lib/postgres on db-1.eu is full in 3 hours");
    const source = page.locator('.actions a:text-is("Source")');
    assert.match(await source.getAttribute("href"), /^http:\/\/prometheus\.example/);
    assert.match(await source.getAttribute("rel"), /noopener/);
    assert.equal(await page.getAttribute("dd a", "href"), "https://runbooks.example/alerts/disk-will-fill");
    assert.match(await page.getAttribute(".alert time", "datetime"), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.match(await text(page, ".alert .when b"), /^4\dm ago$/);
    await page.click(".actions >> text=Link");
    await see(page, "1 alert in 1 group");
    assert.match(filters(page)[0], /^@fingerprint=[0-9a-f]{16}$/);
    assert.match(await text(page, "summary"), /next notification|looked at/);
    await close();
  },

  "what is folded stays folded": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/");
    const isOpen = (name) => page.locator(`details:has(summary:has-text("${name}"))`).evaluate((it) => it.open);
    assert.ok(await isOpen("LinkFlapping"), "few alerts are shown at once");
    await page.click("summary:has-text('LinkFlapping') .receiver");
    await until(page, () => (localStorage.getItem("folds") ?? "").includes("false"));
    await page.reload();
    await until(page, () => document.querySelector("details:not([open])"));
    assert.ok(!await isOpen("LinkFlapping") && await isOpen("NodeDown"));
    await page.click("text=Collapse all");
    await page.reload();
    await until(page, () => !document.querySelector("details[open]"));
    await page.click("text=Expand all");
    await page.reload();
    assert.ok(await isOpen("LinkFlapping"));
    await page.focus("details summary");
    await page.keyboard.press("Enter");
    await until(page, () => document.querySelector("details:not([open])"));
    await close();
  },

  "pages refresh by themselves and keep the reader's place": async ({ browser, url, name }) => {
    const { page, close } = await open(browser, { memory: { refresh: "1" }, height: 500 });
    await page.goto(url + "/?filter=" + encode('alertname!="Hostile"'));
    const icon = () => page.getAttribute("link[rel=icon]", "href");
    const [title, sign] = [await page.title(), await icon()];
    assert.match(title, /^\(\d+\) Alerts · campana$/);
    assert.match(sign, /icon\.svg\?count=\d+$/);
    await page.evaluate(() => { [...document.querySelectorAll("details")].at(-1).scrollIntoView(); scrollBy(0, -100); });
    const top = () => page.evaluate(() => [...document.querySelectorAll("details")].at(-1).getBoundingClientRect().top);
    const before = await top();
    const labels = { alertname: "AAA", severity: "critical", fresh: name };
    await postAlerts(url, [{ labels, annotations: { summary: "Fresh from the oven" } }]);
    await see(page, "Fresh from the oven");
    assert.ok(Math.abs(await top() - before) < 2, "what was being read does not move");
    await until(page, (old) => document.title !== old, title);
    assert.notEqual(await icon(), sign);
    // What is being typed stays, too.
    await page.locator("#filter").fill("half a fil");
    await page.keyboard.press("Escape");
    await postAlerts(url, [{ labels, annotations: { summary: "Fresh again" } }]);
    await see(page, "Fresh again");
    assert.equal(await page.inputValue("#filter"), "half a fil");
    assert.equal(await page.evaluate(() => document.activeElement.id), "filter");
    await postAlerts(url, [{ labels, endsAt: new Date(Date.now() - 1000).toISOString() }]);
    await until(page, () => !document.body.innerText.includes("Fresh again"));
    await close();
  },

  "ten thousand alerts come in pages": async ({ browser, big }) => {
    const { page, close } = await open(browser);
    const loaded = [];
    page.on("response", (answer) => { if (answer.status() === 200) loaded.push(answer.body().catch(() => "")); });
    await page.goto(big + "/");
    await see(page, "10000 alerts in 61 groups");
    await see(page, "Page 1 of 3");
    const bytes = (await Promise.all(loaded)).reduce((sum, body) => sum + body.length, 0);
    assert.ok(loaded.length > 5 && bytes < 150000, `the first page loads ${bytes} bytes in ${loaded.length} files`);
    await inspect(page);
    const group = page.locator("details:has(summary:has-text('Bulk'))");
    assert.ok(!await group.evaluate((it) => it.open), "many groups are shown folded");
    await group.locator(".receiver").click();
    await group.locator("text=Host 9 is slow").waitFor();
    await group.locator("[data-more]").click();
    await see(page, "Page 1 of 247");
    assert.equal(await page.locator(".alert").count(), 40);
    await page.click("a[rel=next]");
    await see(page, "Page 2 of 247");
    await see(page, "Host 40 is slow");
    await page.click("text=All groups");
    await page.click("a[rel=next]");
    await see(page, "Page 2 of 3");
    // A group whose alerts were left out brings them when it is opened.
    await page.goto(big + "/");
    const key = await page.locator("details:has([data-more]):not(:has(.alert))").first().getAttribute("data-key");
    const last = page.locator(`details[data-key="${key}"]`);
    await last.locator(".receiver").click();
    await last.locator(".alert").first().waitFor();
    await close();
  },

  "old links in all spellings lead to the same pages": async ({ browser, url, silences }) => {
    const { page, close } = await open(browser);
    const to = async (link, path, check) => {
      await page.goto("about:blank", { waitUntil: "commit" });
      await page.goto(`${url}/#${link}`, { waitUntil: "commit" });
      await page.waitForURL((at) => at.pathname === path && !at.hash, { waitUntil: "commit" });
      await check();
    };
    const lists = (count) => () => see(page, `${count} alert`);
    await to("/alerts?silenced=false&inhibited=false&muted=false&active=true&filter=%7Bteam%3D%22network%22%7D", "/", lists(3));
    await to("/alerts?receiver=web%5C.shop", "/", lists(2));
    await to("/alerts?receiver=web.shop", "/", lists(2));
    await to("/alerts?filter=%7Bsummary%3D%22none%22%2C+team%3D%22web%22%7D", "/", () => see(page, "No alert groups found"));
    await to('/alerts?filter={alertname="NodeDown", cluster="us-east"}', "/", lists(1));
    await to("/alerts?silenced=true&active=false", "/", () => see(page, "Silenced by"));
    await to("/alerts?customGrouping=true&group=team&filter=%7Bteam%3D~%22network%7Cinfra%22%7D", "/", () => see(page, "5 alerts in 2 groups"));
    await to("/silences", "/silences", () => see(page, "The tape robot"));
    await to("/silences?filter=%7Balertname%3D%22BackupMissing%22%7D", "/silences", () => see(page, "Active 1"));
    await to(`/silences/${silences.active}`, `/silences/${silences.active}`, () => see(page, "jonas").catch(() => see(page, "maria")));
    await to(`/silences/${silences.active}/edit`, `/silences/${silences.active}/edit`, () => see(page, "Edit silence"));
    await to("/status", "/status", () => see(page, "Up since"));
    await to("/settings", "/settings", () => see(page, "First day of the week"));
    const set = 'alertname="NodeDown", cluster="us-east"';
    for (const filter of [
      `%7Balertname%3D"NodeDown"%2C%20cluster%3D"us-east"%7D`,
      "%7Balertname%3D%22NodeDown%22%2C%20cluster%3D%22us-east%22%7D",
      "%7Balertname%3D%22NodeDown%22%2C+cluster%3D%22us-east%22%7D",
      'alertname%3D"NodeDown"%2Ccluster%3D"us-east"%2C',
      "alertname%3D%22NodeDown%22%2Ccluster%3D%22us-east%22",
    ]) {
      await to(`/silences/new?filter=${filter}&comment=see%20OPS-1`, "/silences/new", async () => {
        await see(page, "Affected alerts: 1");
        assert.equal((await page.inputValue("#sets input")).replace(/,\s*/g, ", "), set, filter);
        assert.equal(await page.inputValue("#comment"), "see OPS-1");
      });
    }
    await page.goto("about:blank");
    await page.goto(`${url}/#/`);
    await see(page, "alerts in");
    // A link cannot lead to another host.
    await page.goto("about:blank");
    await page.goto(`${url}/#//evil.example/x`);
    await see(page, "There is no page #//evil.example/x here");
    await close();
  },

  "the status shows server, routing and configuration, and tries labels": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/status");
    for (const sign of ["Up since", "Version", "Revision", "Gossip is disabled"]) await see(page, sign);
    const config = await text(page, ".config");
    assert.ok(config.includes("<secret>") && !config.includes("secret-token"), "secrets are not shown");
    assert.match(await page.locator("svg .route:has-text('platform')").first().textContent(), /platform · \d+ groups · \d+ alerts/);
    await page.fill("#labels", 'team="db", severity="warning"');
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await see(page, "database-night");
    await see(page, "Muted by always");
    assert.ok(await page.locator(".config .key").count() > 20 && await page.locator(".config .value").count() > 10, "the configuration is highlighted");
    assert.equal(await page.locator("svg .lit").count(), 1);
    await page.fill("#labels", 'cluster="us-east", instance="node-12", severity="warning"');
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await see(page, "Inhibited");
    await page.goto(`${url}/status?labels=${encode('a=~"b"')}`);
    await see(page, "is no label");
    await inspect(page);
    assert.equal(await page.inputValue("#labels"), 'a=~"b"');
    await page.click("svg a:has-text('platform')");
    await page.waitForURL(/receiver=platform/);
    await close();
  },

  "the status shows the cluster, its peers and whether they agree": async ({ browser, clustered }) => {
    const { page, close } = await open(browser, { memory: { refresh: "1" } });
    await page.goto(clustered + "/status");
    await see(page, "1 other is there, and all that happened here was gossiped");
    await page.locator(".badge.ready").waitFor();
    assert.equal(await page.locator("table tbody tr").count(), 2);
    assert.equal(await page.locator("table tbody tr:has-text('this one')").count(), 1);
    assert.match(await text(page, "table tbody td:nth-child(2)"), /^127\.0\.0\.1:\d+$/);
    await inspect(page);
    await close();
  },

  "every page has the strict content policy, and the description of the API is served": async ({ url, fingerprint, silences }) => {
    for (const path of ["/", "/silences", `/silences/${silences.active}`, "/silences/new", "/status", "/settings", `/alerts/${fingerprint}`, "/silences/unknown"]) {
      const policy = (await fetch(url + path)).headers.get("Content-Security-Policy") ?? "";
      for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]) assert.ok(policy.includes(part), `${path}: ${policy}`);
      assert.ok(!policy.includes("unsafe"), `${path}: ${policy}`);
    }
    const described = await (await fetch(url + "/api/v2/openapi.yaml")).text();
    for (const path of ["/alerts/groups:", "/silence/{silenceID}:", "/receivers:", "/status:", "/explain:"]) assert.ok(described.includes(path), path);
  },

  "why an alert was told can be read": async ({ browser, url, fingerprint }) => {
    const { page, close } = await open(browser);
    await page.goto(`${url}/alerts/${fingerprint}`);
    for (const sign of ["It fires, and nothing mutes it.", "Looked at next", "first notification", "connection refused"]) await see(page, sign);
    const explained = await (await fetch(`${url}/api/v2/alerts/${fingerprint}/explain`)).json();
    assert.equal(explained.status.state, "active");
    assert.ok(explained.decisions.some(({ what }) => what === "told"));
    await inspect(page);
    await page.goto(`${url}/?filter=${encode('alertname="CertificateExpires"')}`);
    await page.click("text=Why");
    await see(page, "Next notification");
    await see(page, "delivered");
    await page.goto(`${url}/?silenced=true&filter=${encode('alertname="BackupMissing"')}`);
    await page.click("text=Why");
    await see(page, "It fires and is muted.");
    await see(page, "Silenced by maria");
    await close();
    const { page: other, close: closeOther } = await open(browser, { allow: [/404/] });
    await other.goto(`${url}/alerts/0000000000000000`);
    await see(other, "Alert not found");
    await closeOther();
  },

  "settings are kept, and times follow the zone": async ({ browser, url, fingerprint }) => {
    const { page, close } = await open(browser, { timezoneId: "Asia/Kolkata" });
    await page.goto(`${url}/alerts/${fingerprint}`);
    assert.match(await text(page, "dd > time"), / UTC$/);
    await page.click("#zone-switch");
    assert.match(await text(page, "dd > time"), / \+05:30$/);
    await page.goto(url + "/settings");
    assert.equal(await page.inputValue("#zone"), "local");
    await page.selectOption("#firstDayOfWeek", "Monday");
    await page.fill("#defaultCreator", "nina");
    await page.keyboard.press("Tab");
    await page.goto(url + "/silences/new");
    assert.match(await page.inputValue("#starts"), /\+05:30$/);
    assert.equal(await page.inputValue("#creator"), "nina");
    await see(page, "Times are your local ones.");
    await close();
  },

  "the keyboard reaches everything": async ({ browser, url }) => {
    const { page, close } = await open(browser);
    await page.goto(url + "/");
    await page.keyboard.press("Tab");
    await see(page, "Skip to the content");
    await inspect(page);
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "filter");
    const names = await page.$$eval("a, button, input:not([type=hidden]), summary", (all) => all
      .filter((it) => it.checkVisibility() && it.tabIndex < 0).map((it) => it.outerHTML.slice(0, 80)));
    assert.deepEqual(names, [], "nothing is left out of the order");
    assert.ok(await page.locator("text=Documentation").isVisible());
    await close();
  },
};

// Every page as people see it: colours, widths, without scripts, under a prefix.

import { HOSTILE } from "./seed.mjs";
import { assert, inspect, open, screenshot, see } from "./lib.mjs";

// Name, path, and a text that must be there.
export function pages({ fingerprint, silences }) {
  return [
    ["alerts", "/", "Custom grouping"],
    ["alerts-all", "/?silenced=true&inhibited=true&muted=true", "Inhibited by"],
    ["alerts-grouped", "/?customGrouping=true&group=team,severity", "sw-2"],
    ["hostile", `/?filter=${encodeURIComponent(`alertname="${HOSTILE}"`)}`, "right to left"],
    ["why", `/alerts/${fingerprint}`, "Decisions of late"],
    ["silences", "/silences", "The tape robot"],
    ["silences-pending", "/silences?state=pending", "Switch upgrade"],
    ["silences-expired", "/silences?state=expired", "Recreate"],
    ["silence", `/silences/${silences.active}`, "Affected alerts: 1"],
    ["silence-new", `/silences/new?filter=${encodeURIComponent('{cluster="us-east"}')}`, "Affected alerts: 7"],
    ["silence-edit", `/silences/${silences.active}/edit`, "Affected alerts: 1"],
    ["status", `/status?labels=${encodeURIComponent('team="db", severity="warning"')}`, "Muted by always"],
    ["settings", "/settings", "kept in this browser"],
  ];
}

// Looks at every page, and keeps a picture of each.
export async function lookAt(page, world) {
  for (const [name, path, sign] of pages(world)) {
    try {
      await page.goto(world.url + path);
      await see(page, sign);
      await inspect(page);
    } catch (error) {
      throw new Error(`${name}: ${error.message}`);
    }
    await screenshot(page, `${world.name}-${name}-${world.look}`);
  }
}

export const looks = {
  "pages look right in light and dark, on wide and narrow screens, and are accessible": async (world) => {
    const { page, close } = await open(world.browser);
    await lookAt(page, world);
    await close();
  },

  "the reader's own choice of colours wins": async (world) => {
    const { page, close } = await open(world.browser, { colorScheme: "light", memory: { theme: "dark" } });
    await page.goto(world.url + "/");
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(await paper(), "rgb(14, 19, 24)");
    await page.goto(world.url + "/settings");
    await inspect(page);
    await page.selectOption("#theme", "light");
    assert.equal(await paper(), "rgb(244, 246, 248)");
    await page.goto(world.url + "/");
    assert.equal(await paper(), "rgb(244, 246, 248)");
    await close();
  },

  "everything works under a prefix": async (world) => {
    const { page, close } = await open(world.browser, { memory: { folds: '{"*":true}' } });
    const silences = world.prefixedSilences;
    for (const [name, path, sign] of pages({ ...world, silences })) {
      await page.goto(world.prefixed + path);
      await see(page, sign);
      const outside = await page.evaluate(() => [...document.querySelectorAll("[href], [src], [action]")]
        .map((it) => it.getAttribute("href") ?? it.getAttribute("src") ?? it.getAttribute("action"))
        .filter((it) => it.startsWith("/") && !it.startsWith("/am/")));
      assert.deepEqual(outside, [], `${name} leads nowhere outside of the prefix`);
    }
    await page.goto(world.prefixed + "/#/silences/new?filter=%7Bteam%3D%22web%22%7D");
    await page.waitForURL(/\/am\/silences\/new\?/);
    await see(page, "Affected alerts: 2");
    await page.fill("#creator", "prefix");
    await page.fill("#comment", "below a prefix");
    await page.click("[type=submit]");
    await page.waitForURL(/\/am\/silences\/[0-9a-f-]{36}$/);
    await page.click("[data-expire]");
    await page.click("dialog .primary");
    await see(page, "expired");
    const root = await page.goto(new URL("/", world.prefixed).href);
    assert.match(new URL(root.url()).pathname, /^\/am\/?$/);
    await close();
  },

  "hostile texts stay texts": async (world) => {
    const { page, close } = await open(world.browser);
    const at = `${world.url}/?filter=${encodeURIComponent(`alertname="${HOSTILE}"`)}`;
    await page.goto(at);
    const links = await page.$$eval("a", (all) => all.map((it) => it.href));
    assert.ok(links.every((link) => /^https?:/.test(link)), "only web links can be followed");
    assert.ok(links.some((link) => link.startsWith("https://fine.example/")), "harmless ones can");
    assert.equal(await page.locator(".alert:has-text('Its source is a script') >> a:text-is(\"Source\")").count(), 0);
    assert.equal(await page.locator("main script, main img, main iframe").count(), 0);
    const length = (await page.content()).length;
    assert.ok(length < 60000, `long values are shortened in lists: ${length} bytes`);
    // Blanks, quotes and signs of queries come through a chip's link unharmed.
    await page.click(".alert:has-text('line one') a.chip:has-text('value')");
    await see(page, "1 alert in 1 group");
    assert.equal(await page.locator(".alert").count(), 1);
    await page.click("text=Why");
    await see(page, "a\"b\\c,d}{=~!'`");
    // The page of an alert shows everything, and no letter stands on another line.
    await page.goto(at);
    await page.click(".alert:has-text('yyyy') >> text=Why");
    await page.waitForURL(/\/alerts\//);
    assert.ok((await page.innerText("main")).includes("x".repeat(10000)));
    await inspect(page);
    // A silence of 10 kB holds the value whole.
    await page.goto(at);
    await page.click(".alert:has-text('yyyy') .actions >> text=/^Silence$/");
    await see(page, "Affected alerts: 1");
    assert.ok((await page.inputValue("#sets input")).includes("x".repeat(10000)));
    await close();
  },
};

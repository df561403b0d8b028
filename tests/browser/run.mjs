// Runs all tests on every server that CAMPANA_BROWSER_SERVERS names, in one browser.
//
// The variable holds JSON: [{"name", "url", "prefixed"}], each pair of servers of its own program.
// The arguments are words that must occur in the names of the tests to run.

import { faults } from "./faults.mjs";
import { flows } from "./flows.mjs";
import { launch } from "./lib.mjs";
import { looks } from "./looks.mjs";
import { bulk, seed } from "./seed.mjs";
import { silencing } from "./silencing.mjs";

const tests = Object.entries({ ...flows, ...silencing, ...faults, ...looks });
const words = process.argv.slice(2);
const chosen = tests.filter(([name]) => words.every((word) => name.includes(word)));
const servers = JSON.parse(process.env.CAMPANA_BROWSER_SERVERS);
const { browser, close } = await launch(process.env.CAMPANA_CHROMIUM ?? "/usr/bin/chromium");
let failed = 0;

async function play({ name, url, prefixed }) {
  const silences = await seed(url);
  const prefixedSilences = await seed(prefixed);
  await bulk(prefixed);
  const [{ fingerprint }] = await (await fetch(`${url}/api/v2/alerts?filter=alertname="DiskWillFill"&filter=severity="critical"`)).json();
  const world = { name, url, prefixed, browser, isFirst: name === servers[0].name, silences, prefixedSilences, fingerprint };
  for (const [title, test] of chosen) {
    const began = Date.now();
    try {
      await test(world);
      console.log(`ok      ${name}: ${title} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}: ${title}\n${String(error.stack).replace(/^/gm, "        ")}`);
    }
  }
}

try {
  await Promise.all(servers.map(play));
} finally {
  await close();
}
console.log(`${chosen.length} tests on ${servers.map((server) => server.name).join(" and ")}, ${failed} failed`);
process.exitCode = failed || !chosen.length ? 1 : 0;

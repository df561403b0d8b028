// Runs all tests on every server that CAMPANA_BROWSER_SERVERS names, in one browser.
//
// The variable holds JSON: [{"name", "look", "url", "prefixed", "big", "clustered"}]. `url` is a
// server of its own for each program and look; the others may be shared: one under a prefix, one for
// very many alerts, and one that has a peer.
// The argument is a regular expression for `PROGRAM LOOK: TITLE` of the tests to run.

import { faults } from "./faults.mjs";
import { flows } from "./flows.mjs";
import { launch, LOOKS } from "./lib.mjs";
import { looks } from "./looks.mjs";
import { noscript } from "./noscript.mjs";
import { bulk, seed } from "./seed.mjs";
import { silencing } from "./silencing.mjs";

// Which tests are played in a look: all flows in the first three, the pages in every one.
const scripted = { ...flows, ...silencing, ...faults, ...looks };
const TESTS = { light: scripted, dark: scripted, narrow: scripted, "dark-narrow": looks, noscript, "noscript-narrow": noscript };
// How many servers are played at a time: a test waits more than it works.
const HANDS = 5;
const HANGS = 300000;

const wanted = new RegExp(process.argv[2] ?? "");
const servers = JSON.parse(process.env.CAMPANA_BROWSER_SERVERS);
const { browser, close } = await launch(process.env.CAMPANA_CHROMIUM ?? "/usr/bin/chromium");
let played = 0;
const failures = [];

const once = new Map();
const shared = (key, make) => once.get(key) ?? once.set(key, make()).get(key);

// Fails what hangs.
async function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("it hangs")), HANGS); });
  try { await Promise.race([work, late]); } finally { clearTimeout(timer); }
}

async function play({ name, look, url, prefixed, big, clustered }) {
  const where = (title) => `${name} ${look}: ${title}`;
  const chosen = Object.entries(TESTS[look]).filter(([title]) => wanted.test(where(title)));
  if (!chosen.length) return;
  const silences = await seed(url);
  const prefixedSilences = await shared(prefixed, () => seed(prefixed));
  await shared(big, () => bulk(big));
  const [{ fingerprint }] = await (await fetch(`${url}/api/v2/alerts?filter=alertname="DiskWillFill"&filter=severity="critical"`)).json();
  const world = { name, look, url, prefixed, big, clustered, browser: { browser, look: LOOKS[look] }, silences, prefixedSilences, fingerprint };
  for (const [title, test] of chosen) {
    const began = Date.now();
    played += 1;
    const attempt = async () => {
      await inTime(test(world));
      console.log(`ok      ${where(title)} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    };
    try {
      await attempt();
    } catch (error) {
      // A busy machine can be too slow for the browser's patience once. Everything else fails again.
      const isLate = error.name === "TimeoutError";
      const tell = (error) => `FAILED  ${where(title)}\n${String(error.stack).replace(/^/gm, "        ")}`;
      console.log(isLate ? `${tell(error)}\nAGAIN   ${where(title)}` : tell(error));
      const last = isLate ? await attempt().then(() => null, (error) => error) : error;
      if (last) failures.push(tell(last));
    }
  }
}

const began = Date.now();
const left = [...servers];
try {
  await Promise.all(Array.from({ length: HANDS }, async () => { while (left.length) await play(left.shift()); }));
} finally {
  await close();
}
// Once more at the end, where they are found.
for (const failure of failures) console.log(failure);
console.log(`${played} tests, ${failures.length} failed, in ${((Date.now() - began) / 1000).toFixed(0)} s`);
process.exitCode = failures.length || !played ? 1 : 0;

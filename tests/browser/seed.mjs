// Fills a server with alerts and silences as people know them, and with hostile ones.

const minutes = (count) => new Date(Date.now() + count * 60000).toISOString();

async function post(url, path, body) {
  const answer = await fetch(url + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

export const postAlerts = (url, alerts) => post(url, "/api/v2/alerts", alerts);

export async function postSilence(url, matchers, more = {}) {
  const sets = matchers.map(([name, value, isRegex = false, isEqual = true]) => ({ name, value, isRegex, isEqual }));
  const body = { matchers: sets, startsAt: minutes(0), endsAt: minutes(120), createdBy: "maria", comment: "Planned work", ...more };
  return (await post(url, "/api/v2/silences", body)).silenceID;
}

export const expireSilence = (url, id) => fetch(`${url}/api/v2/silence/${id}`, { method: "DELETE" });

function alert(labels, annotations, age) {
  return { labels, annotations, startsAt: minutes(-age), generatorURL: "http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1" };
}

const RUNBOOK = "https://runbooks.example/alerts/";

export const realistic = () => [
  alert({ alertname: "DiskWillFill", severity: "critical", cluster: "eu-west", instance: "db-1.eu:9100", mountpoint: "/var/lib/postgres", team: "db" },
    { summary: "/var/lib/postgres on db-1.eu is full in 3 hours", description: "It holds 94 % and grows by 1.9 GiB an hour.", runbook_url: RUNBOOK + "disk-will-fill" }, 42),
  alert({ alertname: "DiskWillFill", severity: "warning", cluster: "eu-west", instance: "db-2.eu:9100", mountpoint: "/var/lib/postgres", team: "db" },
    { summary: "/var/lib/postgres on db-2.eu is full in 3 days", runbook_url: RUNBOOK + "disk-will-fill" }, 65),
  alert({ alertname: "ReplicationLag", severity: "warning", cluster: "eu-west", instance: "db-1.eu:9100", team: "db" },
    { summary: "Replica db-2.eu is 48 s behind db-1.eu" }, 12),
  alert({ alertname: "HighErrorRate", severity: "critical", cluster: "eu-west", service: "shop", instance: "shop-7", team: "web" },
    { summary: "4.2 % of checkout requests fail", description: "The limit is 1 %. See https://grafana.example/d/shop?from=now-1h for the traces.", runbook_url: RUNBOOK + "error-rate" }, 7),
  alert({ alertname: "HighLatency", severity: "warning", cluster: "us-east", service: "shop", instance: "shop-2", team: "web" },
    { summary: "The 99th percentile of /cart is 1.8 s" }, 18),
  ...["sw-1", "sw-2", "sw-3"].map((instance, i) => alert({ alertname: "LinkFlapping", severity: "warning", cluster: "us-east", instance, team: "network" },
    { summary: `Port 4${i} of ${instance} went down ${9 - i} times in an hour` }, 30 + i)),
  alert({ alertname: "CertificateExpires", severity: "info", cluster: "us-east", instance: "mail.example:443", team: "infra" },
    { summary: "The certificate of mail.example ends in 13 days" }, 300),
  alert({ alertname: "NodeDown", severity: "critical", cluster: "us-east", instance: "node-12", team: "infra" },
    { summary: "node-12 has not answered for 5 minutes", runbook_url: RUNBOOK + "node-down" }, 5),
  alert({ alertname: "NodeClockSkew", severity: "warning", cluster: "us-east", instance: "node-12", team: "infra" },
    { summary: "The clock of node-12 is 3 s off" }, 25),
  alert({ alertname: "BackupMissing", severity: "warning", cluster: "eu-west", instance: "backup-1", team: "ops" },
    { summary: "There was no backup since yesterday" }, 500),
  alert({ alertname: "Watchdog", severity: "none" }, { summary: "This alert always fires" }, 10000),
];

export const HOSTILE = "Hostile";

export const hostile = () => [
  alert({ alertname: HOSTILE, kind: "script", value: "<script>window.owned=1</script>\"'><img src=x onerror=window.owned=1>" },
    { summary: "<script>window.owned=1</script>", link: "javascript:window.owned=1 JaVaScRiPt:window.owned=1 data:text/html,<script>window.owned=1</script> https://fine.example/?a=<b>&c=\"d\"" }, 3),
  alert({ alertname: HOSTILE, kind: "long", value: "x".repeat(10000) }, { summary: "y".repeat(10000), description: "word ".repeat(2000) }, 3),
  alert({ alertname: HOSTILE, kind: "bidi", value: "مرحبا \u202e evil \u2066 שלום", "größe_ü": "日本語 🔥" }, { summary: "\u202eright to left\u202c שלום עולם" }, 3),
  alert({ alertname: HOSTILE, kind: "combining", value: "Z" + "\u0351\u0324\u0334".repeat(80) + "algo" }, { summary: "a" + "\u0300".repeat(300) }, 3),
  alert({ alertname: HOSTILE, kind: "quotes", value: "a\"b\\c,d}{=~!'`\n\t&amp;%2B+#?/" }, { summary: "line one\nline two\twith a tab" }, 3),
  { ...alert({ alertname: HOSTILE, kind: "source" }, { summary: "Its source is a script" }, 3), generatorURL: "javascript:window.owned=1" },
];

// Posts everything; comes to the ids of the silences.
export async function seed(url) {
  await postAlerts(url, realistic());
  await postAlerts(url, hostile());
  const active = await postSilence(url, [["alertname", "BackupMissing"], ["instance", "backup-.*", true]], {
    comment: "The tape robot is being repaired, see https://tickets.example/OPS-412", annotations: { ticket: "https://tickets.example/OPS-412" } });
  const pending = await postSilence(url, [["cluster", "us-east"], ["severity", "critical", false, false]], {
    startsAt: minutes(600), endsAt: minutes(720), createdBy: "jonas", comment: "Switch upgrade in us-east" });
  const expired = await postSilence(url, [["alertname", "NodeDown"]], { createdBy: "maria", comment: "Reboot of node-12" });
  await expireSilence(url, expired);
  const both = await postSilence(url, [["alertname", "<script>window.owned=1</script>"]], {
    createdBy: "<b>mallory</b>", comment: "<img src=x onerror=window.owned=1> javascript:window.owned=1 " + "z".repeat(3000) });
  return { active, pending, expired, hostile: both };
}

// Posts ten thousand alerts: one large group and many small ones.
export async function bulk(url) {
  const large = Array.from({ length: 9880 }, (_, i) => alert({ alertname: "Bulk", cluster: "big", instance: `host-${String(i).padStart(4, "0")}` }, { summary: `Host ${i} is slow` }, 9));
  const small = Array.from({ length: 120 }, (_, i) => alert({ alertname: `Small${String(i % 60).padStart(2, "0")}`, cluster: "big", instance: `host-${i}` }, {}, 9));
  const all = [...small, ...large];
  for (let from = 0; from < all.length; from += 2000) await postAlerts(url, all.slice(from, from + 2000));
}

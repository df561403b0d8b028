// Runs before the page is painted: the reader's colours, and links of the form /#/alerts?...
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("script");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch { /* storage may be closed to us */ }

  const decode = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

  // Such a link leads to the page that shows the same. A `+` is a blank where the producer of the
  // link encoded queries so, which shows in that there is no other kind of blank.
  function followOldLink() {
    if (!location.hash.startsWith("#/")) return;
    const [path, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
    const known = /^\/(|alerts|status|settings|silences|silences\/new|silences\/[^/]+|silences\/[^/]+\/edit)\/?$/;
    if (!known.test(path)) { root.dataset.unknown = location.hash; return; }
    const pairs = query.split("&").filter(Boolean).map((pair) => {
      const [name, value = ""] = pair.split(/=(.*)/s);
      const plain = /%20| /.test(value) ? value : value.replace(/\+/g, " ");
      return encodeURIComponent(decode(name)) + "=" + encodeURIComponent(decode(plain));
    });
    const steps = path.split("/").filter(Boolean).map((step) => encodeURIComponent(decode(step)));
    const target = steps.length === 0 || steps[0] === "alerts" ? "/" : "/" + steps.join("/");
    location.replace(root.dataset.prefix + target + (pairs.length ? "?" + pairs.join("&") : ""));
  }
  followOldLink();
  addEventListener("hashchange", followOldLink);
})();

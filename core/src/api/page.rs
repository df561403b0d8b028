//! The page at the root: where things are, for whoever opens the address in a browser.

use super::Response;

const HOME: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>campana</title></head>
<body>
<h1>campana</h1>
<p>The alert manager is running.</p>
<ul>
<li><a href=\"api/v2/status\">Status</a></li>
<li><a href=\"api/v2/alerts\">Alerts</a></li>
<li><a href=\"api/v2/silences\">Silences</a></li>
<li><a href=\"metrics\">Metrics</a></li>
</ul>
</body>
</html>
";

/// Returns the page. Its links are relative, so they hold under any prefix.
pub(super) fn home() -> Response {
    Response::empty(200)
        .header("Content-Type", "text/html; charset=utf-8")
        .header("Cache-Control", "no-cache, no-store, must-revalidate")
        .header("Pragma", "no-cache")
        .header("Expires", "0")
        .body(HOME.into())
}

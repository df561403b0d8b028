//! The reader's own settings, which stay in the browser.

use maud::{Markup, html};

use super::{
    About,
    layout::{self, Tab},
};
use crate::{time::Timestamp, view::View};

/// Makes the page.
pub(super) fn page(about: About<'_>, view: &View, _now: Timestamp) -> Markup {
    let choices = [
        (
            "theme",
            "Colours",
            &[("auto", "As the system"), ("light", "Light"), ("dark", "Dark")][..],
        ),
        ("zone", "Times", &[("utc", "UTC"), ("local", "Local")][..]),
        (
            "firstDayOfWeek",
            "First day of the week",
            &[("Sunday", "Sunday"), ("Monday", "Monday"), ("Saturday", "Saturday")][..],
        ),
        ("refresh", "Refresh", &[("15", "Every 15 s"), ("60", "Every minute"), ("0", "Never")][..]),
    ];
    let main = html! {
        h1 { "Settings" }
        p { "These are kept in this browser only." }
        p.error.no-script { "Settings need scripts." }
        form #settings.card {
            @for (name, title, options) in choices {
                div.field {
                    label for=(name) { (title) }
                    select id=(name) name=(name) {
                        @for (value, text) in options { option value=(value) { (text) } }
                    }
                }
            }
            div.field {
                label for="defaultCreator" { "Creator of silences" }
                input #defaultCreator name="defaultCreator" autocomplete="name";
            }
        }
    };
    layout::frame(about, view, Tab::Settings, "Settings", None, &main)
}

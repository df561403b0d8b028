//! Time intervals: calendars that mute routes.

//! Silences: who muted what, until when.

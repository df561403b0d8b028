//! Inhibition: alerts that mute other alerts.

//! What was built, from what, for what.

use alloc::{format, string::String};

/// The facts of this build, shown by `--version`, the API's status and the build metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// The version of campana.
    pub version: &'static str,
    /// The version of Alertmanager whose behaviour this one has; what clients are told, because
    /// they compare it with their own.
    pub compatible: &'static str,
    /// The source revision, from `CAMPANA_REVISION` at build time.
    pub revision: &'static str,
    /// The source branch, from `CAMPANA_BRANCH` at build time.
    pub branch: &'static str,
    /// Who built it, from `CAMPANA_BUILD_USER` at build time.
    pub user: &'static str,
    /// When it was built, from `CAMPANA_BUILD_DATE` at build time.
    pub date: &'static str,
    /// The language and its version, where Alertmanager shows the version of Go.
    pub language: &'static str,
    /// The operating system, in Go's words.
    pub os: &'static str,
    /// The processor, in Go's words.
    pub arch: &'static str,
    /// Tags of the build: here the name of the product.
    pub tags: &'static str,
}

const fn or(value: Option<&'static str>, default: &'static str) -> &'static str {
    match value {
        Some(value) => value,
        None => default,
    }
}

const OS: &str = if cfg!(target_os = "linux") {
    "linux"
} else if cfg!(target_os = "macos") {
    "darwin"
} else if cfg!(target_os = "windows") {
    "windows"
} else if cfg!(target_os = "freebsd") {
    "freebsd"
} else {
    "unknown"
};

const ARCH: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else if cfg!(target_arch = "x86") {
    "386"
} else if cfg!(target_arch = "arm") {
    "arm"
} else if cfg!(target_arch = "riscv64") {
    "riscv64"
} else {
    "unknown"
};

impl Build {
    /// Returns the facts of this build.
    pub const fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            compatible: "0.34.0",
            revision: or(option_env!("CAMPANA_REVISION"), "unknown"),
            branch: or(option_env!("CAMPANA_BRANCH"), "unknown"),
            user: or(option_env!("CAMPANA_BUILD_USER"), "unknown"),
            date: or(option_env!("CAMPANA_BUILD_DATE"), "unknown"),
            language: concat!("rust", env!("CARGO_PKG_RUST_VERSION")),
            os: OS,
            arch: ARCH,
            tags: "campana",
        }
    }

    /// Returns operating system and processor, as in `linux/amd64`.
    pub fn platform(&self) -> String {
        format!("{}/{}", self.os, self.arch)
    }
}

//! Checks the sources of the whole repository for the habits that CONTRIBUTING.md names. A check
//! that fails lists every place and says what to do; exceptions stand here, each with its reason.

mod layers;
mod manifests;
mod shape;
mod source;
mod words;

/// Fails with all problems at once.
#[track_caller]
fn report(rule: &str, problems: &[String]) {
    assert!(
        problems.is_empty(),
        "\n{rule}; {} places break that:\n  {}\n",
        problems.len(),
        problems.join("\n  ")
    );
}

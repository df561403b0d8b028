//! The files that AWS' tools share: profiles with keys and a region.

/// Returns the value of a key in a profile, as `~/.aws/credentials` and `~/.aws/config` spell it.
/// The last one counts; lines that are indented belong to another setting.
pub(super) fn value<'a>(text: &'a str, profile: &str, key: &str) -> Option<&'a str> {
    let mut found = None;
    let mut is_in = false;
    for line in text.lines() {
        let line = match line.find(" #").or_else(|| line.find(" ;")) {
            Some(end) => &line[..end],
            None => line,
        };
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.trim();
            is_in = name.strip_prefix("profile").map_or(name, str::trim_start) == profile
                || name == profile;
            continue;
        }
        if !is_in || line.starts_with(['#', ';', ' ', '\t']) {
            continue;
        }
        if let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case(key)
        {
            found = Some(value.trim());
        }
    }
    found.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
# shared
aws_access_key_id = before any profile
[default]
aws_access_key_id = A1 # whose
AWS_SECRET_ACCESS_KEY=S=1
s3 =
  region = nested
region =
[ profile two ]
region = eu-x-1
region = eu-y-1
;region = eu-z-1
[profile]
region = odd
";

    #[test]
    fn profiles_are_read_as_aws_reads_them() {
        let get = |profile, key| value(TEXT, profile, key);
        assert_eq!(get("default", "aws_access_key_id"), Some("A1"));
        assert_eq!(get("default", "aws_secret_access_key"), Some("S=1"));
        assert_eq!(get("default", "region"), None);
        assert_eq!(get("two", "region"), Some("eu-y-1"));
        assert_eq!(get("profile", "region"), Some("odd"));
        assert_eq!(get("three", "region"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]=#; \tpa\n\u{e9}]{0,60}") {
            let _ = value(&text, "p", "a");
        }
    }
}

//! What AWS answers: XML with few elements, of which one or two matter.

use alloc::string::String;

/// Returns the text of the first element with a name, its references resolved.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let Some(tail) = rest.strip_prefix(name) else { continue };
        let Some(text) = tail.strip_prefix('>') else { continue };
        let end = text.find('<')?;
        return Some(unescape(&text[..end]));
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').unwrap_or(0);
        let name = rest.get(1..end).unwrap_or_default();
        let c = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => name.strip_prefix('#').and_then(|code| {
                let code = match code.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => code.parse().ok(),
                };
                code.and_then(char::from_u32)
            }),
        };
        let (text, len) = c.map_or(('&', 1), |c| (c, end + 1));
        out.push(text);
        rest = &rest[len..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_found() {
        let xml = "<?xml?><E xmlns=\"x\"><CodeX>no</CodeX><Code>a &lt;b&gt; &#233;&#xe9; &nope; \
                   &amp;lt;&</Code><M/></E>";
        assert_eq!(element(xml, "Code").as_deref(), Some("a <b> éé &nope; &lt;&"));
        assert_eq!(element(xml, "M"), None);
        assert_eq!(element("<Code>", "Code"), None);
        assert_eq!(element("{}", "Code"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[<>&;#xaé/ ]{0,40}") {
            let _ = element(&text, "a");
        }
    }
}

//! Structures of templates: payloads, details and fields that users write as YAML.

use alloc::vec::Vec;

use serde_json::{Map, Value as Json};

use super::{Env, ExecError, Set, Value};

/// Returns what a rendered text means where it is not a text: a number, a list and so on, as YAML
/// reads it. `None` keeps the text.
pub type Retype<'a> = &'a dyn Fn(&str) -> Option<Json>;

impl Set {
    /// Renders a structure: every text in it, and every key, is a template. A rendered text that
    /// `retype` reads as something else becomes that, and what it becomes is final.
    ///
    /// # Errors
    /// As [`Set::render`], for the first template that fails.
    pub fn render_structure(
        &self,
        node: &Json,
        data: &Value,
        env: &Env<'_>,
        retype: Retype<'_>,
    ) -> Result<Json, ExecError> {
        let inner = |node: &Json| self.render_structure(node, data, env, retype);
        Ok(match node {
            Json::String(text) => {
                let text = self.render(text, data, env)?;
                retype(&text).unwrap_or(Json::String(text))
            }
            Json::Array(items) => {
                Json::Array(items.iter().map(inner).collect::<Result<Vec<_>, _>>()?)
            }
            Json::Object(entries) => {
                let mut map = Map::new();
                for (key, item) in entries {
                    map.insert(self.render(key, data, env)?, inner(item)?);
                }
                Json::Object(map)
            }
            other => other.clone(),
        })
    }
}

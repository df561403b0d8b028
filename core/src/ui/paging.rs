//! Pages of long lists.

use alloc::{string::String, vec::Vec};

use maud::{Markup, html};

use super::{About, link};

/// Which part of a list is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The page, from 1.
    pub(super) page: usize,
    /// How many pages there are.
    pub(super) pages: usize,
    size: usize,
}

impl Part {
    /// Chooses a page of a list of `len` items; one that is not there becomes the last.
    pub(super) fn new(page: usize, len: usize, size: usize) -> Self {
        let pages = len.div_ceil(size).max(1);
        Self { page: page.clamp(1, pages), pages, size }
    }

    /// Returns the items of the page.
    pub(super) fn of<T>(self, items: &[T]) -> &[T] {
        let start = (self.page - 1) * self.size;
        &items[start.min(items.len())..(start + self.size).min(items.len())]
    }

    /// Shows the way to the other pages.
    pub(super) fn nav(self, about: About<'_>, path: &str, pairs: &[(&str, &str)]) -> Markup {
        let to = |page: usize| {
            let page = alloc::format!("{page}");
            let mut pairs: Vec<(&str, &str)> = pairs.to_vec();
            pairs.push(("page", &page));
            let link: String = link(about, path, &pairs);
            link
        };
        html! {
            @if self.pages > 1 {
                nav.pages aria-label="Pages of the list" {
                    @if self.page > 1 { a rel="prev" href=(to(self.page - 1)) { "Previous" } }
                    span { "Page " (self.page) " of " (self.pages) }
                    @if self.page < self.pages { a rel="next" href=(to(self.page + 1)) { "Next" } }
                }
            }
        }
    }
}

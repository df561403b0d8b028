//! Pages of long lists.

use alloc::format;

use maud::{Markup, html};

/// Which part of a list is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The page, from 1.
    pub(super) page: usize,
    /// How many pages there are.
    pub(super) pages: usize,
    size: usize,
    len: usize,
}

impl Part {
    /// Chooses a page of a list of `len` items; one that is not there becomes the last.
    pub(super) fn new(page: usize, len: usize, size: usize) -> Self {
        let pages = len.div_ceil(size).max(1);
        Self { page: page.clamp(1, pages), pages, size, len }
    }

    /// Returns where the page begins in the list.
    pub(super) fn start(self) -> usize {
        ((self.page - 1) * self.size).min(self.len)
    }

    /// Returns one past where the page ends in the list.
    pub(super) fn end(self) -> usize {
        (self.start() + self.size).min(self.len)
    }

    /// Returns the items of the page.
    pub(super) fn of<T>(self, items: &[T]) -> &[T] {
        items.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Returns the items of the page, for change.
    pub(super) fn of_mut<T>(self, items: &mut [T]) -> &mut [T] {
        items.get_mut(self.start()..self.end()).unwrap_or_default()
    }

    /// Shows the way to the other pages of the list at `base`.
    pub(super) fn nav(self, base: &str) -> Markup {
        let sign = if base.contains('?') { '&' } else { '?' };
        let to = |page: usize| format!("{base}{sign}page={page}");
        html! {
            @if self.pages > 1 {
                nav.pages aria-label="Pages of the list" {
                    @if self.page > 1 { a.button rel="prev" href=(to(self.page - 1)) { "Previous" } }
                    span { "Page " (self.page) " of " (self.pages) }
                    @if self.page < self.pages {
                        a.button rel="next" href=(to(self.page + 1)) { "Next" }
                    }
                }
            }
        }
    }
}

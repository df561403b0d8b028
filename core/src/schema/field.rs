//! What can stand in a struct of settings, and the plain kinds of it.

use alloc::{
    borrow::ToOwned as _,
    boxed::Box,
    collections::BTreeMap,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::ops::ControlFlow;

use super::{Any, Context};
use crate::yaml::{Abort, At, Out, scalar::Resolved};

/// A value of the configuration.
pub trait Field {
    /// Reads the value in place of what is there, which is the default. Null leaves it, or unsets
    /// what can be unset. Mistyped values are collected and leave it too.
    ///
    /// # Errors
    /// The first rule that the value breaks; what was read by then stays.
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort>;

    /// Returns the value as it is printed, secrets masked.
    fn print(&self) -> Out;

    /// Tells whether the value is the one that most keys leave out when they are printed.
    fn is_zero(&self) -> bool;
}

impl Field for String {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(text) = at.text() {
            text.clone_into(self);
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::text(self)
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl Field for Arc<str> {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(text) = at.text() {
            *self = text.into();
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::text(self)
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl Field for bool {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(value) = at.boolean() {
            *self = value;
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::boolean(*self)
    }

    fn is_zero(&self) -> bool {
        !*self
    }
}

impl Field for u64 {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(value) = at.unsigned() {
            *self = value;
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::Bare(self.to_string())
    }

    fn is_zero(&self) -> bool {
        *self == 0
    }
}

impl Field for i64 {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let value = match at.resolved() {
            ControlFlow::Continue(Resolved::Null) => return Ok(()),
            ControlFlow::Continue(Resolved::Int(value)) => Self::try_from(value).ok(),
            ControlFlow::Continue(Resolved::Float(value)) => {
                // As the original reads them: 1e3 is 1000, 2.5 is 2.
                (value.abs() < 9_223_372_036_854_775_808.0).then_some(value as Self)
            }
            _ => None,
        };
        match value {
            Some(value) => *self = value,
            None => at.wrong_type("int64", "write a whole number, without quotes"),
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::Bare(self.to_string())
    }

    fn is_zero(&self) -> bool {
        *self == 0
    }
}

impl Field for f64 {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        match at.resolved() {
            ControlFlow::Continue(Resolved::Null) => {}
            ControlFlow::Continue(Resolved::Int(value)) => *self = value as Self,
            ControlFlow::Continue(Resolved::Float(value)) => *self = value,
            _ => at.wrong_type("float64", "write a number, without quotes"),
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Any::Float(*self).print()
    }

    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}

/// What may be left unset: null unsets it.
impl<T: Field + Default> Field for Option<T> {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        if at.node.is_unset() {
            *self = None;
            return Ok(());
        }
        self.get_or_insert_default().read(at, context)
    }

    fn print(&self) -> Out {
        self.as_ref().map_or_else(|| Out::Bare("null".to_owned()), T::print)
    }

    fn is_zero(&self) -> bool {
        self.is_none()
    }
}

impl<T: Field> Field for Box<T> {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        (**self).read(at, context)
    }

    fn print(&self) -> Out {
        (**self).print()
    }

    fn is_zero(&self) -> bool {
        (**self).is_zero()
    }
}

impl<T: Field + Default> Field for Vec<T> {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        let mut list = Self::new();
        let is_list = at.items(|_, item| {
            let mut element = T::default();
            element.read(&item, context)?;
            list.push(element);
            Ok(())
        })?;
        if is_list || at.node.is_null() {
            *self = list;
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::List(self.iter().map(T::print).collect())
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

/// Entries of the document are added to those that are there.
impl<T: Field + Default> Field for BTreeMap<String, T> {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        at.entries(|key, value| {
            let mut element = T::default();
            element.read(&value, context)?;
            self.insert(key.to_owned(), element);
            Ok(())
        })
    }

    fn print(&self) -> Out {
        Out::sorted(self.iter().map(|(key, value)| (key, value.print())))
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

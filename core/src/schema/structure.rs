//! Structs of fields.

/// Makes a struct of settings: its fields in the order of the original, which is the order in which
/// they are printed; the key of each is its name unless `as` gives another; `always` prints it even
/// if it has no value; `hidden` never prints it. What follows `=` is the default.
///
/// ```text
/// schema! {
///     /// What it is.
///     pub struct Name check Self::check {
///         /// What the field means.
///         pub field: Type,
///         /// One with a default, always printed.
///         pub other: bool = true; always,
///         /// A word that Rust keeps.
///         pub kind: String as "type",
///     }
/// }
/// ```
///
/// `check` names a function `fn(&mut self, at, context) -> Result<(), Abort>` that runs when all
/// fields are read, unless the value was null.
macro_rules! schema {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(check $check:path)? {
            $(
                $(#[$field_meta:meta])*
                pub $field:ident: $type:ty
                    $(as $key:literal)? $(= $default:expr)? $(; $mode:ident)?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::schema::schema!(@default $($default)?), )* }
            }
        }

        impl $crate::schema::Field for $name {
            fn read(
                &mut self,
                at: &$crate::yaml::At<'_>,
                context: &$crate::schema::Context<'_>,
            ) -> Result<(), $crate::yaml::Abort> {
                const KEYS: &[&str] = &[$( $crate::schema::schema!(@key $field $($key)?), )*];
                at.fields(KEYS, |key, at| {
                    $( if key == $crate::schema::schema!(@key $field $($key)?) {
                        if at.node.is_null() {
                            // Not the default of the field, but nothing.
                            self.$field = Default::default();
                        }
                        return $crate::schema::Field::read(&mut self.$field, &at, context);
                    } )*
                    Ok(())
                })?;
                $( if !at.node.is_unset() { $check(self, at, context)?; } )?
                Ok(())
            }

            fn print(&self) -> $crate::yaml::Out {
                let mut fields = $crate::yaml::emit::Fields::default();
                $( $crate::schema::schema!(
                    @print fields, $crate::schema::schema!(@key $field $($key)?),
                    &self.$field, $($mode)?
                ); )*
                fields.done()
            }

            fn is_zero(&self) -> bool {
                true $( && $crate::schema::Field::is_zero(&self.$field) )*
            }
        }
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@print $fields:ident, $key:expr, $value:expr, always) => {
        $fields.put($key, $crate::schema::Field::print($value));
    };
    (@print $fields:ident, $key:expr, $value:expr, hidden) => {};
    (@print $fields:ident, $key:expr, $value:expr,) => {
        if !$crate::schema::Field::is_zero($value) {
            $fields.put($key, $crate::schema::Field::print($value));
        }
    };
}

pub(crate) use schema;

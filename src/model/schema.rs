//! JSON Schema of types that are written as text.

/// Says of a type that it is text of a certain pattern or format, with a description for the user.
macro_rules! text_schema {
    ($type:ty, $name:literal, $description:literal $(, $key:literal : $value:expr)*) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "description": $description $(, $key: $value)*
                })
            }
        }
    };
}

pub(crate) use text_schema;

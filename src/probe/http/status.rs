//! Which status codes are right: numbers, classes, or a list of them.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of status codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<Status>);

/// One status code, or a hundred of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    One(u16),
    /// The first digit.
    Class(u16),
}

impl Statuses {
    /// Whether a status is one of them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|known| match known {
            Status::One(one) => *one == status,
            Status::Class(class) => status / 100 == *class,
        })
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![Status::Class(2)])
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, status) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" or ")?;
            }
            match status {
                Status::One(one) => write!(f, "{one}")?,
                Status::Class(class) => write!(f, "{class}xx")?,
            }
        }
        Ok(())
    }
}

impl Status {
    fn number<E: de::Error>(number: u64) -> Result<Self, E> {
        match u16::try_from(number) {
            Ok(status) if (100..=599).contains(&status) => Ok(Self::One(status)),
            _ => Err(E::custom(format!("{number} is not a status; write 100 to 599, or 2xx"))),
        }
    }

    fn text<E: de::Error>(text: &str) -> Result<Self, E> {
        match text.as_bytes() {
            [digit @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                Ok(Self::Class(u16::from(digit - b'0')))
            }
            _ => match text.parse::<u64>() {
                Ok(number) => Self::number(number),
                Err(_) => Err(E::custom(format!(
                    "`{text}` is not a status; write a number such as 200, or a class such as 2xx"
                ))),
            },
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(one) => serializer.serialize_u16(*one),
            Self::Class(class) => serializer.collect_str(&format_args!("{class}xx")),
        }
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl Visitor<'_> for One {
            type Value = Status;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 200 or 2xx")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Status, E> {
                Status::number(number)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Status, E> {
                Status::number(u64::try_from(number).unwrap_or_default())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Status, E> {
                Status::text(text)
            }
        }
        deserializer.deserialize_any(One)
    }
}

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            some => serializer.collect_seq(some),
        }
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Statuses;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 200 or 2xx, or a list of them")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Statuses, E> {
                Status::number(number).map(|one| Statuses(vec![one]))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Statuses, E> {
                self.visit_u64(u64::try_from(number).unwrap_or_default())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
                Status::text(text).map(|one| Statuses(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Statuses, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Statuses(all))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl schemars::JsonSchema for Statuses {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = serde_json::json!({
            "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^[1-5]([xX]{2}|[0-9]{2})$" }
            ]
        });
        schemars::json_schema!({
            "description": "A status such as 200, a class such as 2xx, or a list of them.",
            "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_classes_and_lists() {
        for (json, good, bad) in [
            ("200", vec![200], vec![201, 404]),
            ("\"2xx\"", vec![200, 299], vec![199, 300]),
            ("[200, \"3XX\", \"404\"]", vec![200, 301, 404], vec![201, 403]),
        ] {
            let set: Statuses = serde_json::from_str(json).expect(json);
            assert!(good.iter().all(|status| set.contains(*status)), "{json}");
            assert!(!bad.iter().any(|status| set.contains(*status)), "{json}");
            let back = serde_json::to_string(&set).expect("statuses are JSON");
            assert_eq!(serde_json::from_str::<Statuses>(&back).expect(&back), set);
        }
        for bad in ["99", "600", "-1", "\"xx\"", "\"6xx\"", "\"2x\"", "true", "[\"a\"]", "{}"] {
            assert!(serde_json::from_str::<Statuses>(bad).is_err(), "{bad}");
        }
    }
}

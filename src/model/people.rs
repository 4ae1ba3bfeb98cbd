//! The people of a launch: who stands for which role, and how to reach them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The roles of a launch by name, such as `release`, `recovery`, `communications`.
pub type People = BTreeMap<String, Role>;

/// Who stands for a role, and who when they do not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The person's name.
    pub name: String,
    /// How to reach them: a telephone number, a mail address, a link, a chat handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Who is asked when they do not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Person>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Their name.
    pub name: String,
    /// How to reach them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

//! A value of the source document that knows its path.

use serde_json::Value;

/// A value and where it stands: `spec.selector.labelSelectors["app.kubernetes.io/name"]`.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub path: String,
    pub value: &'a Value,
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    /// The member of that name, also when it is null.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        self.value.as_object()?.get_key_value(key).map(|(key, value)| self.member(key, value))
    }

    /// The member of that name, when it says anything: null, "", [] and {} are how files leave a key open.
    pub fn some(&self, key: &str) -> Option<Node<'a>> {
        self.get(key).filter(|node| !node.says_nothing())
    }

    /// The value at the end of a chain of members.
    pub fn at(&self, keys: &[&str]) -> Option<Node<'a>> {
        keys.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    pub fn says_nothing(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Members of an object; none for anything else.
    pub fn members(&self) -> Vec<(&'a str, Node<'a>)> {
        let Some(members) = self.value.as_object() else { return Vec::new() };
        members.iter().map(|(key, value)| (key.as_str(), self.member(key, value))).collect()
    }

    /// Items of a list; none for anything else.
    pub fn items(&self) -> Vec<Node<'a>> {
        let Some(items) = self.value.as_array() else { return Vec::new() };
        let item = |(n, value)| Node { path: format!("{}[{n}]", self.path), value };
        items.iter().enumerate().map(item).collect()
    }

    /// Direct children of an object or a list.
    pub fn children(&self) -> Vec<Node<'a>> {
        let members = self.members().into_iter().map(|(_, node)| node);
        members.chain(self.items()).collect()
    }

    pub fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// A scalar as text; nothing for null, lists and objects.
    pub fn word(&self) -> Option<String> {
        match self.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A finite number, also when it is written as text.
    pub fn number(&self) -> Option<f64> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite())
    }

    /// True or false, also when it is written as text.
    pub fn flag(&self) -> Option<bool> {
        match self.word()?.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        }
    }

    fn member(&self, key: &str, value: &'a Value) -> Node<'a> {
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let path = match (plain, self.path.is_empty()) {
            (true, true) => key.to_string(),
            (true, false) => format!("{}.{key}", self.path),
            (false, _) => format!("{}[{}]", self.path, Value::from(key)),
        };
        Node { path, value }
    }
}

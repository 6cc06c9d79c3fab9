//! The name of a resource in the cluster.

use std::fmt;

use kube::api::ObjectMeta;

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The namespace.
    pub namespace: Box<str>,
    /// The name in it.
    pub name: Box<str>,
}

impl Key {
    /// The name of what has this metadata.
    #[must_use]
    pub fn of(metadata: &ObjectMeta) -> Self {
        let text = |part: Option<&String>| part.map_or("", String::as_str).into();
        Self { namespace: text(metadata.namespace.as_ref()), name: text(metadata.name.as_ref()) }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

//! The rights of both variants, read from the files that are shipped.

use std::fmt;

use serde_json::Value;

/// An operator that may look at every namespace.
const CLUSTER: &str = include_str!("../../../deploy/base/rbac.yaml");
/// An operator that looks at one: in its own namespace,
const OFFICE: &str = include_str!("../../../deploy/base-namespaced/rbac.yaml");
/// and in the one that it looks at.
const WATCHED: &str = include_str!("../../../deploy/base-namespaced/watched/rbac.yaml");

/// One verb on one resource, as a rule grants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Right {
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) verb: String,
    /// The only object that it is for.
    pub(super) name: Option<String>,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)
    }
}

impl Right {
    /// How the API server says that it is missing.
    pub(super) fn refusal(&self) -> String {
        format!(r#"cannot {} resource "{}" in API group "{}""#, self.verb, self.resource, self.group)
    }

    fn is_in(&self, rule: &Value) -> bool {
        texts(&rule["apiGroups"]).contains(&self.group) && texts(&rule["resources"]).contains(&self.resource)
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The rights of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    ClusterWide,
    OneNamespace,
}

/// The objects of one variant: for the operator's namespace, and for the one that it looks at.
#[derive(Clone)]
pub(super) struct Shipped {
    pub(super) office: Vec<Value>,
    pub(super) watched: Vec<Value>,
}

impl Variant {
    pub(super) fn shipped(self) -> Shipped {
        match self {
            Self::ClusterWide => Shipped { office: documents(CLUSTER), watched: Vec::new() },
            Self::OneNamespace => Shipped { office: documents(OFFICE), watched: documents(WATCHED) },
        }
    }
}

pub(super) fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|document| serde_yaml::from_str(document).unwrap()).collect()
}

impl Shipped {
    fn rules(&self) -> impl Iterator<Item = &Value> {
        self.office.iter().chain(&self.watched).filter_map(|document| document["rules"].as_array()).flatten()
    }

    pub(super) fn rights(&self) -> Vec<Right> {
        let mut rights = Vec::new();
        for rule in self.rules() {
            for (group, resource) in pairs(&texts(&rule["apiGroups"]), &texts(&rule["resources"])) {
                let name = texts(&rule["resourceNames"]).into_iter().next();
                let verbs = texts(&rule["verbs"]).into_iter();
                rights.extend(verbs.map(|verb| {
                    let (group, resource, name) = (group.clone(), resource.clone(), name.clone());
                    Right { group, resource, verb, name }
                }));
            }
        }
        rights
    }

    /// The same without one right.
    pub(super) fn without(mut self, right: &Right) -> Self {
        for document in self.office.iter_mut().chain(&mut self.watched) {
            let Some(rules) = document.get_mut("rules").and_then(Value::as_array_mut) else { continue };
            for rule in rules.iter_mut().filter(|rule| right.is_in(rule)) {
                rule["verbs"].as_array_mut().unwrap().retain(|verb| *verb != right.verb.as_str());
            }
            rules.retain(|rule| !texts(&rule["verbs"]).is_empty());
        }
        self
    }
}

fn pairs(groups: &[String], resources: &[String]) -> Vec<(String, String)> {
    groups.iter().flat_map(|group| resources.iter().map(|resource| (group.clone(), resource.clone()))).collect()
}

//! Names and ids of one run, so that runs do not meet, and how they are taken out again of what is compared.

use serde_json::{Map, Value};
use threat_protection_operator::tenant::TenantId;
use uuid::Uuid;

/// What is different in each run.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) tenant: String,
    subscription: String,
    instance: String,
    namespace: String,
    suffix: String,
}

impl Cast {
    pub(crate) fn new(namespace: &str) -> Self {
        let tenant = Uuid::new_v4().to_string();
        let id: TenantId = tenant.parse().expect("a tenant id");
        Self {
            subscription: Uuid::new_v4().to_string(),
            instance: id.service_instance_id().to_string(),
            namespace: namespace.to_owned(),
            suffix: format!("-{}", &Uuid::new_v4().simple().to_string()[..10]),
            tenant,
        }
    }

    /// The name of the resource that plays this role.
    pub(crate) fn name(&self, role: &str) -> String {
        format!("{role}{}", self.suffix)
    }

    /// Puts the ids of this run in.
    pub(crate) fn fill(&self, value: &Value) -> Value {
        let text = value.to_string().replace("{tenant}", &self.tenant).replace("{subscription}", &self.subscription);
        serde_json::from_str(&text).expect("still JSON")
    }

    /// Takes out whatever is different in each run.
    pub(crate) fn mask(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.mask_text(text).into(),
            Value::Array(all) => all.iter().map(|each| self.mask(each)).collect(),
            Value::Object(members) => {
                let masked = members.iter().map(|(key, each)| {
                    let each = match key.as_str() {
                        "resourceVersion" => "VERSION".into(),
                        "uid" => "UID".into(),
                        "handle" => "HANDLE".into(),
                        _ => self.mask(each),
                    };
                    (self.mask_text(key), each)
                });
                Value::Object(masked.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    pub(crate) fn mask_text(&self, text: &str) -> String {
        let named = text
            .replace(&self.tenant, "TENANT")
            .replace(&self.subscription, "SUBSCRIPTION")
            .replace(&self.instance, "INSTANCE")
            .replace(&self.namespace, "NAMESPACE");
        shaped(&handles(&event_names(&named, &self.suffix).replace(&self.suffix, "")))
    }
}

/// An event is named after its resource, with a number in hexadecimal.
fn event_names(text: &str, suffix: &str) -> String {
    let mark = format!("{suffix}.");
    let mut pieces = text.split(mark.as_str());
    let mut masked = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        masked.push_str(".EVENT");
        masked.push_str(piece.trim_start_matches(|letter: char| letter.is_ascii_hexdigit()));
    }
    masked
}

/// The simulator numbers its operations over all tenants.
fn handles(text: &str) -> String {
    const QUERY: &str = "operation=";
    let Some((before, after)) = text.split_once(QUERY) else { return text.to_owned() };
    let rest = after.find('&').map_or("", |end| &after[end..]);
    format!("{before}{QUERY}HANDLE{rest}")
}

/// Replaces times and further ids by words.
fn shaped(text: &str) -> String {
    const SHAPES: [(&str, &str); 2] = [("dddd-dd-ddTdd:dd:dd", "TIME"), ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "ID")];
    let bytes = text.as_bytes();
    let (mut masked, mut rest) = (String::new(), 0);
    while rest < bytes.len() {
        let here = &text[rest..];
        let found = SHAPES.iter().find(|(shape, _)| fits(here.as_bytes(), shape.as_bytes()));
        if let Some((shape, word)) = found {
            masked.push_str(word);
            rest += shape.len();
            if *word == "TIME" {
                let tail = text[rest..].find(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != 'Z');
                rest += tail.unwrap_or(text.len() - rest);
            }
        } else {
            let letter = here.chars().next().unwrap_or_default();
            masked.push(letter);
            rest += letter.len_utf8().max(1);
        }
    }
    masked
}

fn fits(text: &[u8], shape: &[u8]) -> bool {
    text.len() >= shape.len()
        && shape.iter().zip(text).all(|(wanted, given)| match wanted {
            b'd' => given.is_ascii_digit(),
            b'x' => given.is_ascii_hexdigit(),
            other => other == given,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_taken_out() {
        let cast = Cast::new("matrix-1");
        let text = format!(
            "{} {} {}.17af3 at 2026-01-02T03:04:05.678Z, request 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11",
            cast.name("contoso"),
            cast.tenant,
            cast.name("contoso"),
        );
        assert_eq!(cast.mask_text(&text), "contoso TENANT contoso.EVENT at TIME, request ID");
    }
}

use super::*;
use serde_json::{Value, json};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
const OTHER: &str = "11111111-2222-4333-8444-555555555555";

fn object(name: &str, spec: &Value) -> Object {
    serde_json::from_value(json!({
        "metadata": {"namespace": "team", "name": name, "uid": format!("uid of {name}"), "resourceVersion": "1"},
        "spec": spec,
    }))
    .unwrap()
}

fn declares(tenant: &str) -> Value {
    json!({"tenantId": tenant})
}

fn names(index: &Index, tenant: &str) -> Vec<String> {
    let mut names: Vec<String> = index.claimants(tenant).into_iter().map(|claimant| claimant.name).collect();
    names.sort();
    names
}

#[test]
fn what_goes_in_comes_out() {
    let one = object("one", &json!({"tenantId": TENANT, "unheard": ["of", "Ünïcode", 7]}));
    let index = Index::of([&one]);
    assert_eq!(index.get(&Key::of(&one.metadata)), Some(one));
    assert_eq!(index.get(&Key { namespace: "team".into(), name: "two".into() }), None);
}

#[test]
fn those_who_declare_a_tenant_are_found_and_only_they() {
    let index = Index::of([
        &object("one", &declares(TENANT)),
        &object("two", &declares(TENANT)),
        &object("other", &declares(OTHER)),
        &object("odd", &json!({"tenantId": TENANT, "desiredState": "Weird"})),
    ]);
    assert_eq!(names(&index, TENANT), ["one", "two"]);
    let mut two = object("two", &declares(OTHER));
    two.metadata.resource_version = Some("2".to_owned());
    index.deliver(&two);
    assert_eq!((names(&index, TENANT), names(&index, OTHER).len()), (vec!["one".to_owned()], 2));
    index.remove(&object("one", &declares(TENANT)));
    assert!(names(&index, TENANT).is_empty());
    assert_eq!(index.lock().by_tenant.len(), 2, "nothing is left of a tenant that nobody declares");
}

#[test]
fn what_a_list_does_not_show_is_gone() {
    let (one, two) = (object("one", &declares(TENANT)), object("two", &declares(TENANT)));
    let index = Index::of([&one, &two]);
    assert!(index.complete().is_empty(), "no list has begun");
    index.begin();
    index.deliver(&two);
    index.deliver(&object("three", &declares(OTHER)));
    let gone = index.complete();
    assert_eq!(gone.iter().map(|key| &*key.name).collect::<Vec<_>>(), ["one"]);
    assert_eq!((names(&index, TENANT), index.len()), (vec!["two".to_owned()], 2));
}

#[test]
fn a_list_that_begins_again_forgets_what_the_broken_one_showed() {
    let (one, two) = (object("one", &declares(TENANT)), object("two", &declares(TENANT)));
    let index = Index::of([&one, &two]);
    index.begin();
    index.deliver(&one);
    index.begin();
    index.deliver(&two);
    assert_eq!(index.complete().len(), 1);
    assert_eq!(names(&index, TENANT), ["two"]);
}

#[test]
fn what_a_list_shows_again_is_there_and_another_version_of_it_takes_its_place() {
    let one = object("one", &declares(TENANT));
    let index = Index::of([&one]);
    index.begin();
    index.deliver(&one);
    assert!(index.complete().is_empty());
    let mut next = one.clone();
    (next.metadata.resource_version, next.spec) = (Some("2".to_owned()), declares(OTHER));
    index.deliver(&next);
    assert_eq!(index.get(&Key::of(&one.metadata)), Some(next));
    let mut reborn = one.clone();
    (reborn.metadata.uid, reborn.metadata.resource_version) = (Some("another".to_owned()), Some("2".to_owned()));
    index.deliver(&reborn);
    assert_eq!(index.get(&Key::of(&one.metadata)), Some(reborn));
}

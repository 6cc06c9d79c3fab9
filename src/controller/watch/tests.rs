use std::time::Duration;

use futures::stream;
use serde_json::json;

use super::*;
use crate::controller::recall::Handled;
use crate::plan::situation::Recent;

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

fn object(name: &str, version: &str) -> Object {
    serde_json::from_value(json!({
        "metadata": {"namespace": "team", "name": name, "uid": name, "resourceVersion": version},
        "spec": {"tenantId": TENANT},
    }))
    .unwrap()
}

fn watching() -> (Watch, signal::Receiver<bool>) {
    let (synced, is_synced) = signal::channel(false);
    let watch = Watch { index: Arc::default(), agenda: Arc::default(), recall: Arc::default(), synced };
    watch.agenda.open(Vec::new, Instant::now(), || 0.0);
    (watch, is_synced)
}

fn due(watch: &Watch) -> Vec<String> {
    let mut names: Vec<String> =
        std::iter::from_fn(|| watch.agenda.take(Instant::now())).map(|key| key.name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn everything_is_known_once_the_list_is_complete() {
    let (watch, is_synced) = watching();
    watch.apply(&Event::Init, Instant::now());
    watch.apply(&Event::InitApply(object("one", "1")), Instant::now());
    assert!(!*is_synced.borrow());
    watch.apply(&Event::InitDone, Instant::now());
    assert!(*is_synced.borrow());
    assert_eq!(due(&watch), ["one"]);
}

#[test]
fn our_own_write_and_a_repeated_list_need_no_pass_and_a_change_does() {
    let (watch, _is_synced) = watching();
    let minute = Instant::now() + Duration::from_mins(1);
    let handled = Handled { versions: ["1".into(), "2".into()].into(), due: minute };
    watch.recall.finished("one", Recent::default(), handled, None);
    for version in ["1", "2", "2"] {
        watch.apply(&Event::Apply(object("one", version)), Instant::now());
        assert_eq!(due(&watch), Vec::<String>::new(), "{version}");
    }
    watch.apply(&Event::Apply(object("one", "3")), Instant::now());
    assert_eq!(due(&watch), ["one"]);
}

#[test]
fn what_is_gone_is_not_looked_at() {
    let (watch, _is_synced) = watching();
    for name in ["one", "two"] {
        watch.apply(&Event::Apply(object(name, "1")), Instant::now());
    }
    watch.apply(&Event::Delete(object("one", "2")), Instant::now());
    watch.apply(&Event::Init, Instant::now());
    watch.apply(&Event::InitApply(object("three", "1")), Instant::now());
    watch.apply(&Event::InitDone, Instant::now());
    assert_eq!(due(&watch), ["three"]);
    assert_eq!(watch.index.len(), 1);
}

#[tokio::test]
async fn a_watch_that_fails_loses_nothing() {
    let (watch, is_synced) = watching();
    let (index, agenda) = (Arc::clone(&watch.index), Arc::clone(&watch.agenda));
    let cut = || Err(watcher::Error::NoResourceVersion);
    let events = [Ok(Event::Init), Ok(Event::InitApply(object("one", "1"))), cut(), Ok(Event::Init)]
        .into_iter()
        .chain([Ok(Event::InitApply(object("two", "1"))), Ok(Event::InitDone), cut()]);
    watch.take_in(stream::iter(events)).await;
    assert!(*is_synced.borrow());
    assert_eq!(index.len(), 1);
    assert_eq!(agenda.take(Instant::now()).unwrap().name.as_ref(), "two");
    assert_eq!(agenda.take(Instant::now()), None);
}

use std::collections::HashSet;

use super::*;
use proptest::prelude::*;

fn key(name: &str) -> Arc<Key> {
    Arc::new(Key { namespace: "team".into(), name: name.into() })
}

fn taken(queue: &mut Queue, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| queue.take(now)).map(|key| key.name.to_string()).collect()
}

#[test]
fn what_is_due_comes_in_the_order_of_its_times() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    for (name, seconds) in [("third", 3), ("first", 1), ("second", 2), ("later", 60)] {
        queue.at(&key(name), start + Duration::from_secs(seconds), start);
    }
    assert_eq!(queue.next_due(), Some(start + Duration::from_secs(1)));
    assert_eq!(taken(&mut queue, start), Vec::<String>::new());
    let now = start + Duration::from_secs(5);
    assert_eq!(queue.depth(now), Depth { ready: 3, later: 1, running: 0 });
    assert_eq!(taken(&mut queue, now), ["first", "second", "third"]);
    assert_eq!(queue.depth(now), Depth { ready: 0, later: 1, running: 3 });
}

#[test]
fn a_change_goes_before_a_backlog_and_not_before_what_has_waited_a_minute_longer() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    queue.at(&key("backlog"), start, start);
    let now = start + Duration::from_secs(59);
    queue.changed(&key("changed"), now);
    queue.changed(&key("changed later"), now + Duration::from_secs(2));
    assert_eq!(taken(&mut queue, now + Duration::from_secs(2)), ["changed", "backlog", "changed later"]);
}

#[test]
fn a_resource_waits_once_and_a_change_makes_it_earlier() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    let (one, hour) = (key("one"), start + Duration::from_hours(1));
    queue.at(&one, hour, start);
    queue.at(&one, hour + Duration::from_secs(1), start);
    assert_eq!(queue.next_due(), Some(hour));
    queue.changed(&one, start);
    queue.at(&one, hour, start);
    assert_eq!(taken(&mut queue, start), ["one"]);
    assert_eq!(taken(&mut queue, hour), Vec::<String>::new());
}

#[test]
fn what_is_changed_again_and_again_keeps_its_place() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    for name in ["busy", "second", "third"] {
        queue.changed(&key(name), start);
    }
    queue.changed(&key("busy"), start);
    queue.changed(&key("busy"), start + Duration::from_secs(1));
    assert_eq!(taken(&mut queue, start + Duration::from_secs(1)), ["busy", "second", "third"]);
}

#[test]
fn a_resource_is_never_looked_at_twice_at_once_and_a_change_meanwhile_is_not_forgotten() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    let one = key("one");
    queue.changed(&one, start);
    assert_eq!(taken(&mut queue, start), ["one"]);
    queue.changed(&one, start);
    queue.at(&one, start, start);
    assert_eq!(taken(&mut queue, start), Vec::<String>::new());
    queue.done(&one, Some(start + Duration::from_hours(1)), start);
    assert_eq!(taken(&mut queue, start), ["one"]);
    queue.done(&one, None, start);
    assert_eq!(queue.next_due(), None);
    assert_eq!(queue.depth(start), Depth::default());
}

#[test]
fn what_is_gone_is_forgotten() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    let (waiting, ready, running) = (key("waiting"), key("ready"), key("running"));
    queue.changed(&running, start);
    assert_eq!(taken(&mut queue, start), ["running"]);
    queue.changed(&running, start);
    queue.at(&waiting, start + Duration::from_secs(9), start);
    queue.changed(&ready, start);
    for key in [&waiting, &ready, &running] {
        queue.forget(key);
    }
    queue.done(&running, None, start);
    assert_eq!(queue.depth(start + Duration::from_hours(1)), Depth::default());
}

#[derive(Clone, Debug)]
enum Act {
    Changed(u8),
    At(u8, u16),
    Take,
    Done(u8, u16),
    Wait(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..6_u8).prop_map(Act::Changed),
        (0..6_u8, 0..200_u16).prop_map(|(name, due)| Act::At(name, due)),
        Just(Act::Take),
        (0..6_u8, 0..200_u16).prop_map(|(name, due)| Act::Done(name, due)),
        (1..90_u16).prop_map(Act::Wait),
    ]
}

proptest! {
    /// Whatever happens: nothing runs twice at once, nothing is lost, and all of it has its turn.
    #[test]
    fn nothing_is_lost_and_nothing_runs_twice(acts in proptest::collection::vec(act(), 1..120)) {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        let (mut known, mut running) = (HashSet::new(), HashSet::new());
        let key = |number: u8| key(&number.to_string());
        let after = |now: Instant, seconds: u16| now + Duration::from_secs(seconds.into());
        for act in acts {
            match act {
                Act::Changed(name) => {
                    queue.changed(&key(name), now);
                    known.insert(key(name));
                }
                Act::At(name, due) => {
                    queue.at(&key(name), after(now, due), now);
                    known.insert(key(name));
                }
                Act::Take => {
                    if let Some(key) = queue.take(now) {
                        prop_assert!(running.insert(key));
                    }
                }
                Act::Done(name, due) => {
                    if running.remove(&key(name)) {
                        queue.done(&key(name), Some(after(now, due)), now);
                    }
                }
                Act::Wait(seconds) => now = after(now, seconds),
            }
            prop_assert_eq!(queue.lost(&known), HashSet::new());
            let depth = queue.depth(now);
            prop_assert_eq!(depth.running, running.len());
            prop_assert_eq!(depth.ready + depth.later + depth.running, known.len());
        }
        let now = after(now, 1_000);
        let turns = std::iter::from_fn(|| queue.take(now)).count();
        prop_assert_eq!(turns + running.len(), known.len());
    }
}

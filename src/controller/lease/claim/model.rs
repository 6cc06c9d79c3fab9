//! The law of the election on a simulated network: never do two candidates work at once.
//!
//! A fake store checks resource versions as an API server does. Between it and the candidates requests and answers are
//! late, overtake each other or get lost; clocks of the day are wrong or stand still; holders vanish or resign; somebody
//! writes labels. Time goes by in ticks of 10 ms. What a candidate does between two decisions is what `election` and
//! `term` do.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const TICK: Duration = Duration::from_millis(10);
/// Trouble for a minute, and then half a minute without, in which somebody must come to lead.
const TROUBLE: u64 = 6_000;
const END: u64 = 9_000;

/// What happens to one request.
#[derive(Clone, Copy, Debug)]
struct Fate {
    there: u64,
    back: u64,
    request_lost: bool,
    answer_lost: bool,
}

const SMOOTH: Fate = Fate { there: 1, back: 1, request_lost: false, answer_lost: false };

/// What happens beside.
#[derive(Clone, Copy, Debug)]
enum Act {
    Vanish,
    Resign,
    Label,
}

/// One candidate's settings in ticks and seconds, and how wrong its clock of the day is.
#[derive(Clone, Copy, Debug)]
struct Cast {
    seconds: u64,
    deadline: u64,
    retry: u64,
    wrong_by: i64,
    stands_still: bool,
}

#[derive(Clone, Debug)]
enum Request {
    Read,
    Create(StoredLease),
    Replace(StoredLease),
}

#[derive(Clone, Debug)]
enum Answer {
    Stored(Option<StoredLease>),
    Written(StoredLease),
    Conflict,
}

/// The API server, as far as one Lease goes.
#[derive(Default)]
struct Store {
    lease: Option<StoredLease>,
    version: u64,
}

impl Store {
    fn answer(&mut self, request: Request) -> Answer {
        let current = self.lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        match request {
            Request::Read => Answer::Stored(self.lease.clone()),
            Request::Create(lease) if self.lease.is_none() => self.write(lease),
            Request::Replace(lease) if current.is_some() && lease.metadata.resource_version == current => {
                self.write(lease)
            }
            Request::Create(_) | Request::Replace(_) => Answer::Conflict,
        }
    }

    fn write(&mut self, mut lease: StoredLease) -> Answer {
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        lease.metadata.uid = Some("u".to_owned());
        self.lease = Some(lease.clone());
        Answer::Written(lease)
    }

    fn label(&mut self) {
        if let Some(lease) = self.lease.clone() {
            self.write(lease);
        }
    }
}

/// A request on its way.
struct Packet {
    number: usize,
    from: usize,
    arrives: u64,
    fate: Fate,
    request: Request,
}

struct Reply {
    number: usize,
    to: usize,
    arrives: u64,
    answer: Answer,
}

/// What a candidate waits for.
enum Waits {
    Until(u64),
    For { number: usize, sent: u64 },
}

struct Candidate {
    cast: Cast,
    settings: LeaseSettings,
    start: Instant,
    life: u32,
    seen: Option<Sighting>,
    /// What is held, and the first tick at which work has stopped.
    held: Option<(StoredLease, u64)>,
    waits: Waits,
}

impl Candidate {
    fn new(index: u32, cast: Cast) -> Self {
        // Clocks that only go forward have nothing in common between machines.
        let start = Instant::now() + Duration::from_secs(1000 * u64::from(index));
        let settings = LeaseSettings {
            duration: Duration::from_secs(cast.seconds),
            renew_deadline: TICK * u32::try_from(cast.deadline).unwrap(),
            retry_period: TICK * u32::try_from(cast.retry).unwrap(),
            ..super::tests::settings(&format!("pod-{index}_0"))
        };
        Self { cast, settings, start, life: 0, seen: None, held: None, waits: Waits::Until(u64::from(index)) }
    }

    fn instant(&self, tick: u64) -> Instant {
        self.start + TICK * u32::try_from(tick).unwrap()
    }

    fn wall(&self, tick: u64) -> Timestamp {
        let ticks = if self.cast.stands_still { 0 } else { i64::try_from(tick).unwrap() };
        Timestamp::from_millisecond(1_780_000_000_000 + 10 * ticks + self.cast.wrong_by).unwrap()
    }

    /// Another process in the same pod.
    fn restart(&mut self, tick: u64) {
        self.life += 1;
        let pod = self.settings.identity.split('_').next().unwrap();
        self.settings.identity = format!("{pod}_{}", self.life);
        (self.seen, self.held, self.waits) = (None, None, Waits::Until(tick + 20));
    }

    fn works_at(&self, tick: u64) -> bool {
        self.held.as_ref().is_some_and(|(_, until)| tick < *until)
    }

    fn claim(&self, seen: Option<&StoredLease>, tick: u64) -> Request {
        let lease = claimed(seen, &self.settings, self.wall(tick));
        if seen.is_some() { Request::Replace(lease) } else { Request::Create(lease) }
    }

    /// What to send next.
    fn wake(&self, tick: u64) -> Request {
        self.held.as_ref().map_or(Request::Read, |(lease, _)| self.claim(Some(lease), tick))
    }

    /// An answer has come to a request of tick `sent`; what to send at once.
    fn take(&mut self, answer: Answer, sent: u64, tick: u64) -> Option<Request> {
        let identity = self.settings.identity.clone();
        self.waits = Waits::Until(tick + self.cast.retry);
        match answer {
            Answer::Written(lease) if lease.is_held_by(&identity) => {
                let until = sent + self.cast.deadline;
                self.held = Some((lease, until)).filter(|_| tick < until);
                None
            }
            Answer::Written(_) => None,
            Answer::Conflict => Some(Request::Read),
            Answer::Stored(stored) if self.held.is_some() => {
                let ours = stored.as_ref().filter(|lease| lease.is_held_by(&identity));
                let next = ours.map(|lease| self.claim(Some(lease), tick));
                if next.is_none() {
                    self.held = None;
                }
                next
            }
            Answer::Stored(stored) => {
                let now = self.instant(tick);
                self.seen = sighted(self.seen.take(), stored, now);
                match decide(self.seen.as_ref(), &self.settings, now) {
                    Decision::Wait { until } => {
                        let left = until.duration_since(now).as_millis().div_ceil(TICK.as_millis());
                        let left = u64::try_from(left).unwrap();
                        self.waits = Waits::Until(tick + left.min(self.cast.retry));
                        None
                    }
                    Decision::Create => Some(self.claim(None, tick)),
                    Decision::Take | Decision::Renew => {
                        Some(self.claim(self.seen.as_ref().map(|seen| &seen.lease), tick))
                    }
                }
            }
        }
    }
}

/// How a story went.
#[derive(Debug, Default)]
struct Course {
    /// Two worked at this tick.
    overlap: Option<u64>,
    /// Somebody worked at the end.
    ends_led: bool,
    /// How often somebody began to work.
    terms: usize,
}

struct World {
    store: Store,
    candidates: Vec<Candidate>,
    packets: Vec<Packet>,
    replies: Vec<Reply>,
    sent: usize,
    fates: Vec<Fate>,
}

impl World {
    fn send(&mut self, from: usize, request: Request, tick: u64) {
        let fate = if tick < TROUBLE { self.fates[self.sent % self.fates.len()] } else { SMOOTH };
        self.sent += 1;
        self.candidates[from].waits = Waits::For { number: self.sent, sent: tick };
        if !fate.request_lost {
            self.packets.push(Packet { number: self.sent, from, arrives: tick + fate.there, fate, request });
        }
    }

    fn carry(&mut self, tick: u64) {
        for packet in self.packets.extract_if(.., |packet| packet.arrives == tick) {
            let Packet { number, from, fate, request, .. } = packet;
            let answer = self.store.answer(request);
            if !fate.answer_lost {
                self.replies.push(Reply { number, to: from, arrives: tick + fate.back, answer });
            }
        }
        let due: Vec<Reply> = self.replies.extract_if(.., |reply| reply.arrives == tick).collect();
        for Reply { number, to, answer, .. } in due {
            // An answer that nobody waits for any more is dropped, as that of a request that was given up.
            if let Waits::For { number: awaited, sent } = self.candidates[to].waits
                && awaited == number
                && let Some(next) = self.candidates[to].take(answer, sent, tick)
            {
                self.send(to, next, tick);
            }
        }
    }

    fn act(&mut self, index: usize, act: Act, tick: u64) {
        let candidate = &mut self.candidates[index];
        match act {
            Act::Label => self.store.label(),
            Act::Vanish => candidate.restart(tick),
            Act::Resign => {
                if let Some((lease, _)) = candidate.held.clone() {
                    let free = released(&lease, candidate.wall(tick));
                    candidate.restart(tick);
                    self.send(index, Request::Replace(free), tick);
                }
            }
        }
    }

    fn turn(&mut self, index: usize, tick: u64) {
        let candidate = &mut self.candidates[index];
        if candidate.held.is_some() && !candidate.works_at(tick) {
            // The deadline counts also while a request is under way.
            candidate.held = None;
            candidate.waits = Waits::Until(tick + 20);
        }
        let limit = candidate.cast.deadline / 3;
        match candidate.waits {
            Waits::Until(due) if due <= tick => {
                let request = candidate.wake(tick);
                self.send(index, request, tick);
            }
            Waits::For { sent, .. } if sent + limit <= tick => candidate.waits = Waits::Until(tick + 1),
            _ => {}
        }
    }
}

fn course(casts: &[Cast], fates: &[Fate], acts: &[(u64, usize, Act)]) -> Course {
    let candidates = (0..).zip(casts).map(|(index, cast)| Candidate::new(index, *cast)).collect();
    let (packets, replies) = (Vec::new(), Vec::new());
    let mut world = World { store: Store::default(), candidates, packets, replies, sent: 0, fates: fates.to_vec() };
    let (mut course, mut worked) = (Course::default(), vec![false; casts.len()]);
    for tick in 0..END {
        world.carry(tick);
        for (_, index, act) in acts.iter().filter(|(at, ..)| *at == tick) {
            world.act(index % casts.len(), *act, tick);
        }
        for index in 0..casts.len() {
            world.turn(index, tick);
        }
        let works: Vec<bool> = world.candidates.iter().map(|candidate| candidate.works_at(tick)).collect();
        course.terms += works.iter().zip(&worked).filter(|(now, before)| **now && !**before).count();
        if works.iter().filter(|works| **works).count() > 1 {
            course.overlap.get_or_insert(tick);
        }
        worked = works;
    }
    course.ends_led = worked.contains(&true);
    course
}

fn casts() -> impl Strategy<Value = Vec<Cast>> {
    let cast = (2_u64..8, 10_u64..90, 1_u64..50, -100_000_i64..100_000, any::<bool>()).prop_map(
        |(seconds, deadline, retry, wrong_by, stands_still)| {
            // In ticks: below the duration, by a tick at least.
            let deadline = (seconds * 100 * deadline / 90).clamp(6, seconds * 100 - 1);
            Cast { seconds, deadline, retry: (deadline * retry / 100).max(1), wrong_by, stands_still }
        },
    );
    prop::collection::vec(cast, 2..=3)
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let delay = || prop_oneof![6 => 0_u64..5, 2 => 5_u64..100, 1 => 100_u64..1500];
    let lost = || prop::bool::weighted(0.15);
    let fate = (delay(), delay(), lost(), lost()).prop_map(|(there, back, request_lost, answer_lost)| Fate {
        there: there + 1,
        back: back + 1,
        request_lost,
        answer_lost,
    });
    prop::collection::vec(fate, 1..80)
}

fn acts() -> impl Strategy<Value = Vec<(u64, usize, Act)>> {
    let act = prop_oneof![Just(Act::Vanish), Just(Act::Resign), Just(Act::Label)];
    prop::collection::vec((0..TROUBLE, 0_usize..3, act), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(2020), ..ProptestConfig::default() })]

    #[test]
    fn two_never_work_at_once_and_somebody_leads_when_the_trouble_is_over(
        casts in casts(),
        fates in fates(),
        acts in acts(),
    ) {
        let course = course(&casts, &fates, &acts);
        prop_assert!(course.overlap.is_none() && course.ends_led, "{course:?}");
    }
}

/// A model that finds nothing proves nothing: a holder that works for longer than it promised is found.
#[test]
fn a_deadline_beyond_the_promise_is_found() {
    let honest = Cast { seconds: 3, deadline: 200, retry: 50, wrong_by: 0, stands_still: false };
    let greedy = Cast { deadline: 2 * END, retry: END, ..honest };
    let found = course(&[greedy, honest], &[SMOOTH], &[]);
    assert!(found.overlap.is_some() && found.terms > 1, "{found:?}");
}

#[test]
fn a_story_without_trouble_has_one_term() {
    let cast = Cast { seconds: 3, deadline: 200, retry: 50, wrong_by: 0, stands_still: false };
    let course = course(&[cast, cast, cast], &[SMOOTH], &[]);
    assert!(course.overlap.is_none() && course.ends_led && course.terms == 1, "{course:?}");
}

//! Publishes events, in the background and at a pace: a mass of them must not hold up what they tell of.
//!
//! An event is a courtesy; what counts is in the status. So the queue is bounded: where it fills up, what is only good
//! news is left out first.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::problem;
use super::meter::Meter;
use crate::api::EVENT_CONTROLLER;

/// Events that wait at most.
const MOST: usize = 1_000;
/// So many may follow each other at once,
const BURST: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// and so many a second after that: few beside the statuses that an API server takes in that time.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// The time for what still waits when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);

type Waiting = (Event, ObjectReference);

/// The way to the events of the cluster.
pub(super) struct Herald {
    sender: mpsc::Sender<Waiting>,
    receiver: Mutex<Option<mpsc::Receiver<Waiting>>>,
    recorder: Recorder,
    /// Whether it was said that events are left out.
    is_crowded: AtomicBool,
}

impl Herald {
    /// One that publishes nothing until it runs.
    pub(super) fn new(client: Client) -> Self {
        let (sender, receiver) = mpsc::channel(MOST);
        let recorder = Recorder::new(client, Reporter::from(EVENT_CONTROLLER));
        Self { sender, receiver: Mutex::new(Some(receiver)), recorder, is_crowded: AtomicBool::new(false) }
    }

    /// Puts an event down to be published. Never waits and never fails.
    pub(super) fn tell(&self, meter: &Meter, event: Event, about: ObjectReference) {
        let is_good_news = matches!(event.type_, EventType::Normal);
        let is_crowded = self.sender.capacity() < MOST / 2;
        if (is_good_news && is_crowded) || self.sender.try_send((event, about)).is_err() {
            meter.told(false);
            if !self.is_crowded.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "more events than are published at a time: some are left out, and the status has them all"
                );
            }
        } else if !is_crowded {
            self.is_crowded.store(false, Ordering::Relaxed);
        }
    }

    /// Publishes what is put down, until `stop`; what waits then is published for two seconds more. A second call does
    /// nothing while the first one runs.
    pub(super) async fn run(&self, meter: &Meter, stop: CancellationToken) {
        let Some(mut waiting) = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let pace = RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(BURST));
        let paced = async {
            while let Some(next) = waiting.recv().await {
                turn(&pace).await;
                self.publish(meter, next).await;
            }
        };
        stop.run_until_cancelled(paced).await;
        let farewell = async {
            while let Ok(next) = waiting.try_recv() {
                self.publish(meter, next).await;
            }
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!(left_out = waiting.len(), "the last events could not be published in time");
        }
        *self.receiver.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
    }

    async fn publish(&self, meter: &Meter, (event, about): Waiting) {
        let published = self.recorder.publish(&event, &about).await;
        meter.told(published.is_ok());
        if let Err(error) = published {
            tracing::warn!(reason = event.reason, problem = problem(&error), "cannot publish an event");
        }
    }
}

async fn turn(pace: &DefaultDirectRateLimiter) {
    while let Err(early) = pace.check() {
        tokio::time::sleep(early.wait_time_from(DefaultClock::default().now())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(type_: EventType) -> Event {
        Event { type_, reason: "Enabled".to_owned(), note: None, action: "Reconcile".to_owned(), secondary: None }
    }

    fn client() -> Client {
        // Nobody listens there.
        let mut config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        config.default_retry = false;
        Client::try_from(config).unwrap()
    }

    #[tokio::test]
    async fn good_news_is_left_out_before_warnings_and_nothing_waits_without_bound() {
        let (herald, meter) = (Herald::new(client()), Meter::default());
        for _ in 0..MOST {
            herald.tell(&meter, event(EventType::Normal), ObjectReference::default());
        }
        let kept = MOST / 2 + 1;
        assert_eq!(MOST - herald.sender.capacity(), kept);
        for _ in 0..MOST {
            herald.tell(&meter, event(EventType::Warning), ObjectReference::default());
        }
        assert_eq!(herald.sender.capacity(), 0);
        let mut registry = prometheus_client::registry::Registry::default();
        meter.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let left_out = format!("events_total{{result=\"dropped\"}} {MOST}");
        assert!(text.contains(&left_out), "{left_out}");
    }

    #[tokio::test]
    async fn events_that_cannot_be_published_hold_nobody_up() {
        let (herald, meter) = (Herald::new(client()), Meter::default());
        for _ in 0..10 {
            herald.tell(&meter, event(EventType::Warning), ObjectReference::default());
        }
        let stop = CancellationToken::new();
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), herald.run(&meter, stop)).await.unwrap();
        assert_eq!(herald.sender.capacity(), MOST);
    }
}

//! Many tenants in a steady state: what is asked of Microsoft stays as promised, and nothing is written, also while a
//! reading comes and goes. `cargo bench --bench sizing` shows the same for a thousand of them, with memory and time.

use std::time::Duration;

use crate::judges::until;
use crate::support::fleet::Fleet;
use crate::support::stage::{Configuration, PATIENCE, Stage};

const TENANTS: usize = 50;
const RESYNC: Duration = Duration::from_secs(1);
const ROUNDS: usize = 2;
/// Requests to Microsoft Graph and Azure Resource Manager, of one look at one tenant.
const MOST_REQUESTS: u64 = 8;

#[tokio::test]
async fn many_tenants_in_a_steady_state_cost_few_requests_and_no_writes() {
    let stage = Stage::open("scale").await;
    let fleet = Fleet::seed(&stage, TENANTS).await;
    fleet.apply().await;
    // They are looked at every second.
    let microsoft_lines = "  requestsPerMinute: 6000\n".to_owned();
    let configuration = Configuration { microsoft_lines, ..fleet.configuration(RESYNC) };
    let _operator = stage.operator(&configuration).await;
    fleet.until_ready(PATIENCE).await;
    let written = fleet.until_quiet().await;

    let since = fleet.position().await;
    looked_at(&fleet, since, ROUNDS).await;
    let steady = fleet.traffic(since).await;
    assert!(steady.requests().2 <= MOST_REQUESTS, "{steady:?}");
    assert_eq!((steady.tokens, steady.openid), (0, 0), "tokens and clouds are remembered");

    let since = fleet.position().await;
    for _ in 0..ROUNDS {
        fleet.blink().await;
        until("every reading has failed once", async || fleet.blinked().await == TENANTS).await;
        // The next look at each tenant sees it again.
        looked_at(&fleet, fleet.position().await, 1).await;
    }
    let flapping = fleet.traffic(since).await;
    assert!(flapping.requests().2 <= MOST_REQUESTS, "{flapping:?}");
    assert_eq!(fleet.writes().await, written, "a steady state writes nothing");
}

/// Waits until every tenant was looked at so often since a position.
async fn looked_at(fleet: &Fleet<'_>, since: u64, times: usize) {
    until("every tenant is looked at", async || {
        // The log of all of them is long: reading it more often would be most of the work.
        tokio::time::sleep(Duration::from_millis(400)).await;
        fleet.traffic(since).await.looks_of_a_tenant(TENANTS).0 >= times
    })
    .await;
}

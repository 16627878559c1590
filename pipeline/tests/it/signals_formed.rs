//! What is proposed from a page of metrics is formed from what the recorder makes of that page.

use crate::cli_signals::{get, shop, until};
use pipeline::documents::read_text;
use pipeline::documents::signals::Signals;
use pipeline::signals::place::Place;
use pipeline::signals::proposal::GATES;
use pipeline::signals::suggest::suggest;
use probes::clock::RunClock;
use probes::metrics::{Recorder, RecorderConfig, Registry, Target};
use scorer::evidence::Evidence;
use scorer::form::form;
use scorer::grid::Grid;
use scorer::metric::Samples;
use scorer::recording::Recording;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(200);

/// Of the samples that have a value.
fn sum(values: &[f64]) -> f64 {
    values.iter().filter(|value| value.is_finite()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_proposal_for_the_shop_has_values_in_what_is_recorded() {
    let (_catalog, address) = shop(&["catalog", "--release", "2.1.0"]);
    let page = format!("http://{address}/metrics");
    let recorder = Recorder::start(RecorderConfig::every(INTERVAL, RunClock::start_now()), Registry::new());
    recorder.set_target("catalog", Some(Target { metrics: Some(page.parse().unwrap()), pids: vec![] }));
    let scrapes = || {
        let of = |name: &str| recorder.snapshot().into_iter().find(|s| s.name == name);
        of("process_resident_memory_bytes").map(|series| series.times_ms).unwrap_or_default()
    };
    // Every sample of the grid below sees requests.
    until("twenty scrapes under load", || get(&address, "/items").is_some() && scrapes().len() >= 20);
    let (times, series) = (scrapes(), recorder.snapshot());
    recorder.stop().await.unwrap();

    let place = Place::parse(&format!("catalog={page}")).unwrap();
    let suggestion = suggest(&place.catalogue(&[]).await.unwrap(), &[], GATES);
    let text = suggestion.document(&[page]);
    let signals = read_text::<Signals>("signals.yaml", &text, |_| vec![]).unwrap().value.signals().unwrap();
    let evidence = Evidence { series, ..Evidence::default() };
    let grid = Grid::window(times[2], times[times.len() - 1], 1_000);
    assert!(grid.len() >= 2, "{times:?}");
    let recording = Recording::on(&evidence, grid);
    for signal in &signals {
        let formed = form(signal, &recording);
        assert!(!formed.is_empty(), "{} selects nothing that is recorded", signal.name);
        for metric in formed {
            assert!(metric.present(metric.len()) > 0, "{} has no value: {:?}", metric.name, metric.samples);
            // A selector of the good part that selects nothing has a value, too: everything is bad.
            if let Samples::Events { events, total } = &metric.samples {
                let (bad, all) = (sum(events), sum(total));
                assert!(all > 0.0 && bad < all, "{}: {bad} of {all} are bad", metric.name);
            }
        }
    }
    assert!(signals.len() >= 5, "{text}");
}

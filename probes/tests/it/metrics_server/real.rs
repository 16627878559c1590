//! What real servers hand over is what was written, bit for bit where they keep the bits.

use super::servers::MetricsServer;
use crate::server::Server as WebServer;
use axum::Router;
use axum::routing::get;
use probes::clock::{RunClock, wall_ms};
use probes::metrics::server::{ReadLimits, ReadPath, Server, ServerSettings, SourceError, Window};
use probes::metrics::{Feed, FeedConfig, FeedQuery};
use scorer::RawSeries;
use scorer::signal::{Labels, Selector};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The staleness marker, and another NaN.
const STALE: u64 = 0x7ff0_0000_0000_0002;
const NAN: u64 = 0x7ff8_0000_0000_0001;

fn server(of: &MetricsServer, read: ReadPath) -> Server {
    let settings = ServerSettings { read, ..ServerSettings::of(of.url.clone()) };
    Server::new(settings, ReadLimits::default())
}

async fn write(of: &MetricsServer, series: &[RawSeries]) {
    let settings = ServerSettings::of(of.url.join("api/v1/write").unwrap());
    Server::new(settings, ReadLimits::default()).write(series).await.unwrap();
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// Counters, a gauge, and a series with everything that a float can be; ten minutes at 15 s until now.
fn written() -> Vec<RawSeries> {
    let end = wall_ms();
    let times: Vec<i64> = (0..40).map(|i| end - (40 - i) * 15_000 + (i * 7) % 3).collect();
    let series = |name: &str, text: &str, value: &dyn Fn(usize) -> f64| RawSeries {
        name: name.to_owned(),
        labels: Labels::from([("job".to_owned(), "shop".to_owned()), ("text".to_owned(), text.to_owned())]),
        times_ms: times.clone(),
        values: (0..times.len()).map(value).collect(),
    };
    vec![
        series("requests_total", "ü \"quoted\" \\ 日本\n", &|i| if i < 25 { 3.0 * i as f64 } else { i as f64 }),
        series("requests_total", "plain", &|i| 1e15 + i as f64),
        series("temperature", "plain", &|i| 20.0 + (i as f64 * 0.7).sin()),
        series("strange", "plain", &|i| match i % 8 {
            0 => f64::INFINITY,
            1 => f64::NEG_INFINITY,
            2 => -1.5,
            3 => f64::MIN_POSITIVE / 8.0,
            4 => f64::MAX,
            5 => f64::from_bits(NAN),
            6 => f64::from_bits(STALE),
            _ => 0.1 + 0.2,
        }),
    ]
}

fn all() -> Window {
    Window { from_ms: wall_ms() - 3_600_000, to_ms: wall_ms() + 1000 }
}

fn bits(series: &RawSeries) -> Vec<(i64, u64)> {
    series.times_ms.iter().copied().zip(series.values.iter().map(|value| value.to_bits())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_hands_over_every_bit_by_remote_read_and_every_number_as_json() {
    let Some(prometheus) = MetricsServer::prometheus("1h", "") else { return };
    let written = written();
    write(&prometheus, &written).await;
    let selectors = ["requests_total", r#"{__name__=~"temp.*|strange",text!="ü"}"#, "strange"].map(selector);

    let read = server(&prometheus, ReadPath::Auto).read(&selectors, all()).await.unwrap();
    let mut wanted = written.clone();
    wanted.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    assert_eq!(
        read.iter().map(|s| (&s.name, &s.labels)).collect::<Vec<_>>(),
        wanted.iter().map(|s| (&s.name, &s.labels)).collect::<Vec<_>>()
    );
    for (read, wanted) in read.iter().zip(&wanted) {
        assert_eq!(bits(read), bits(wanted), "{}", read.name);
    }

    // JSON has no staleness markers, and one NaN for all.
    let json = server(&prometheus, ReadPath::Json).read(&selectors, all()).await.unwrap();
    assert_eq!(json.len(), wanted.len());
    for (json, wanted) in json.iter().zip(&wanted) {
        let same = |bits: u64| if f64::from_bits(bits).is_nan() { NAN } else { bits };
        let kept = bits(wanted).into_iter().filter(|(_, bits)| *bits != STALE);
        let read: Vec<(i64, u64)> = bits(json).into_iter().map(|(time, bits)| (time, same(bits))).collect();
        assert_eq!(read, kept.map(|(time, bits)| (time, same(bits))).collect::<Vec<_>>(), "{}", json.name);
    }

    // Windows are cut to the millisecond.
    let times = &wanted[0].times_ms;
    let window = Window { from_ms: times[3], to_ms: times[7] };
    for path in [ReadPath::RemoteRead, ReadPath::Json] {
        let cut = server(&prometheus, path).read(&selectors[..1], window).await.unwrap();
        assert!(cut.iter().all(|one| one.times_ms == times[3..=7]), "{path:?}");
        let nothing = server(&prometheus, path).read(&[selector("is_not_there")], all()).await.unwrap();
        assert_eq!(nothing, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn victoria_metrics_hands_over_the_same_numbers_by_its_export() {
    let Some(victoria) = MetricsServer::victoria("1h", "") else { return };
    let written = written();
    write(&victoria, &written[..3]).await;
    let mut wanted = written[..3].to_vec();
    wanted.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    let selectors = ["requests_total", "temperature"].map(selector);
    // It shows samples a moment after it took them.
    let server = server(&victoria, ReadPath::Auto);
    let deadline = Instant::now() + Duration::from_secs(30);
    let read = loop {
        let read = server.read(&selectors, all()).await.unwrap();
        let samples: usize = read.iter().map(|one| one.values.len()).sum();
        if samples == 3 * 40 {
            break read;
        }
        assert!(Instant::now() < deadline, "{samples} of 120 samples are there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for (read, wanted) in read.iter().zip(&wanted) {
        assert_eq!((&read.name, &read.labels, &read.times_ms), (&wanted.name, &wanted.labels, &wanted.times_ms));
        // It keeps the values of a block as decimals with one exponent: whole numbers are whole, others nearly.
        for (read, wanted) in read.values.iter().zip(&wanted.values) {
            let off = if wanted.fract() == 0.0 { 0.0 } else { wanted.abs() * 1e-9 };
            assert!((read - wanted).abs() <= off, "{read} for {wanted}");
        }
    }
}

/// A target whose counter moves with every scrape.
fn target(scrapes: &Arc<AtomicU64>) -> Router {
    let scrapes = Arc::clone(scrapes);
    let text = move || {
        let count = scrapes.fetch_add(1, Ordering::Relaxed) + 1;
        async move { format!("# TYPE ticks counter\nticks_total {count}\nprocess_start_time_seconds 1.5\n") }
    };
    Router::new().route("/metrics", get(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_keeps_up_with_a_server_and_keeps_every_sample_once() {
    let scrapes = Arc::new(AtomicU64::new(0));
    let web = WebServer::start(target(&scrapes)).await;
    let job = format!("- job_name: ticker\n  static_configs: [{{targets: ['{}']}}]\n", web.address);
    let Some(prometheus) = MetricsServer::prometheus("1s", &job) else { return };
    let server = server(&prometheus, ReadPath::Auto);
    let query = FeedQuery {
        signal: "speed".to_owned(),
        promql: "sum(increase(ticks_total[5s]))".to_owned(),
        step: Duration::from_secs(1),
    };
    let config = FeedConfig {
        server: server.clone(),
        selectors: vec![selector("ticks_total")],
        queries: vec![query.clone()],
        every: Duration::from_secs(1),
        clock: RunClock::start_now(),
        known: Vec::new(),
    };
    let feed = Feed::start(config.clone()).await.unwrap();
    let of = |feed: &Feed, name: &'static str| feed.select(move |own, _| own == name, i64::MIN);
    let deadline = Instant::now() + Duration::from_secs(40);
    while of(&feed, "ticks_total").first().is_none_or(|one| one.values.len() < 8)
        || of(&feed, "mettle_query").is_empty()
    {
        assert!(Instant::now() < deadline, "never eight samples: {:?}", feed.events());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    feed.catch_up(Duration::from_secs(10)).await;
    let kept = of(&feed, "ticks_total").remove(0);
    // Every scrape once, in order: the counter rises by one from sample to sample.
    let real: Vec<f64> = kept.values.iter().copied().filter(|value| !value.is_nan()).collect();
    assert!(real.windows(2).all(|pair| pair[1] - pair[0] == 1.0), "{:?}", kept.values);
    let window = Window { from_ms: kept.times_ms[0], to_ms: kept.times_ms[kept.times_ms.len() - 1] };
    let whole = server.read(&config.selectors, window).await.unwrap().remove(0);
    assert_eq!(bits(&kept), bits(&whole));
    assert_eq!((of(&feed, "up").len(), of(&feed, "process_start_time_seconds").len()), (1, 1));
    assert_eq!(of(&feed, "mettle_query")[0].labels["signal"], "speed");
    assert_eq!(feed.events(), []);
    assert!(feed.news_from_ms() <= kept.times_ms[0], "whoever asks first is told from the beginning");

    // A worker that starts again goes on where the one before it was.
    drop(feed);
    let known = vec![kept.clone()];
    let next = Feed::start(FeedConfig { known, ..config.clone() }).await.unwrap();
    next.catch_up(Duration::from_secs(10)).await;
    let more = of(&next, "ticks_total").remove(0);
    assert_eq!(bits(&more)[..kept.values.len()], bits(&kept)[..]);
    assert!(more.times_ms.is_sorted_by(|a, b| a < b));

    // Another interval than the server's is refused before anything is recorded, a longer and a shorter one.
    for every in [5_000, 500] {
        let (every, clock) = (Duration::from_millis(every), RunClock::start_now());
        let refused = Feed::start(FeedConfig { every, clock, ..config.clone() }).await.unwrap_err();
        assert!(matches!(refused, SourceError::Interval { usual_ms: 900..1100, .. }), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_do_not_agree_are_refused() {
    let of = [MetricsServer::prometheus("1h", ""), MetricsServer::victoria("1h", "")];
    for of in of.iter().flatten() {
        let server = server(of, ReadPath::Auto);
        server.check_clock(RunClock::start_now(), 1_000).await.unwrap();
        let behind = RunClock::starting_at(wall_ms() - 10_000);
        let error = server.check_clock(behind, 1_000).await.unwrap_err();
        assert!(matches!(error, SourceError::Skew { ahead_ms: 8_000..12_000, max_ms: 1_000, .. }), "{error}");
    }
}

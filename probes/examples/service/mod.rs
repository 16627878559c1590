//! What a busy service exposes: 5,000 series that move from one second to the next, most of them buckets of latency.

mod text;

use std::array;

/// Series of the service.
pub const SERIES: usize = ROUTES * (BOUNDS.len() + 3 + CODES.len()) + TABLES + 4 * POOLS + 3 * SHARDS + FLAGS;

const ROUTES: usize = 250;
const TABLES: usize = 50;
const POOLS: usize = 50;
const SHARDS: usize = 100;
const FLAGS: usize = 200;

/// The usual bounds of client libraries; `+Inf` follows.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Codes of answers, and the share of requests up to each.
const CODES: [(&str, f64); 3] = [("200", 0.975), ("404", 0.995), ("500", 1.0)];

/// Requests a second of the busiest route; the n-th has an n-th of it.
const BUSIEST: f64 = 600.0;

/// States of a connection.
const STATES: [&str; 4] = ["idle", "used", "waiting", "closing"];

/// A family as an exposition declares it, and its series.
pub struct Family {
    /// Name; a counter's ends in `_total`.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// In the order sent.
    pub points: Vec<Point>,
}

/// One series now.
pub struct Point {
    /// What follows the name of the family.
    pub suffix: &'static str,
    /// Names and values, nothing escaped.
    pub labels: Vec<(&'static str, String)>,
    /// Value.
    pub value: f64,
}

/// Its state.
pub struct Service {
    dice: Dice,
    routes: Vec<Route>,
    rows: Vec<u64>,
    connections: Vec<[u64; STATES.len()]>,
    shards: Vec<Shard>,
}

#[derive(Clone, Default)]
struct Route {
    buckets: [u64; BOUNDS.len() + 1],
    codes: [u64; CODES.len()],
    sum_s: f64,
}

#[derive(Clone, Default)]
struct Shard {
    cpu_ticks: u64,
    hit_ratio: f64,
    pages: u64,
}

impl Service {
    /// Just started.
    pub fn new() -> Self {
        Self {
            dice: Dice(7),
            routes: vec![Route::default(); ROUTES],
            rows: vec![0; TABLES],
            connections: vec![[8, 8, 0, 0]; POOLS],
            shards: vec![Shard { pages: 20_000, ..Shard::default() }; SHARDS],
        }
    }

    /// A second passes.
    pub fn tick(&mut self) {
        let dice = &mut self.dice;
        for (at, route) in self.routes.iter_mut().enumerate() {
            let arrivals = BUSIEST / (at + 1) as f64 * (0.8 + 0.4 * dice.unit()) + dice.unit();
            let mean_s = 0.005 * (1 + at % 13) as f64;
            (0..arrivals as u64).for_each(|_| route.answer(mean_s, dice));
        }
        for (at, rows) in self.rows.iter_mut().enumerate() {
            *rows += (40_000.0 / (at + 1) as f64 * dice.unit()) as u64;
        }
        for pool in &mut self.connections {
            let (from, to) = (dice.below(STATES.len()), dice.below(STATES.len()));
            let moved = pool[from].min(1);
            pool[from] -= moved;
            pool[to] += moved;
        }
        for shard in &mut self.shards {
            shard.cpu_ticks += dice.below(60) as u64;
            shard.hit_ratio = 0.9 + 0.1 * dice.unit();
            shard.pages = shard.pages + dice.below(65) as u64 - dice.below(65).min(shard.pages as usize) as u64;
        }
    }

    /// Everything it exposes now.
    pub fn families(&self) -> Vec<Family> {
        let family = |name, kind, help, points| Family { name, kind, help, points };
        let plain = |label, text, value| Point { suffix: "", labels: vec![(label, text)], value };
        let shards = |value: fn(&Shard) -> f64| {
            let of = |(at, shard): (usize, &Shard)| plain("shard", format!("shard-{at:02}"), value(shard));
            self.shards.iter().enumerate().map(of).collect()
        };
        let routes = || self.routes.iter().enumerate();
        let rows = self.rows.iter().enumerate().map(|(at, rows)| {
            plain("statement", format!("SELECT \"id\" FROM table_{at}\nWHERE path LIKE 'C:\\%'"), *rows as f64)
        });
        let connections = self.connections.iter().enumerate().flat_map(|(at, pool)| {
            STATES.iter().zip(pool).map(move |(state, count)| Point {
                suffix: "",
                labels: vec![("pool", format!("pool-{at}")), ("state", (*state).to_owned())],
                value: *count as f64,
            })
        });
        let flags = (0..FLAGS).map(|at| plain("flag", format!("feature-{at}"), f64::from(u8::from(at % 3 == 0))));
        vec![
            family(
                "http_request_duration_seconds",
                "histogram",
                "Time from the first byte of a request to the last of its answer.",
                routes().flat_map(|(at, route)| route.latency(at)).collect(),
            ),
            family(
                "http_requests_total",
                "counter",
                "Requests that were answered, by route and code.",
                routes().flat_map(|(at, route)| route.answered(at)).collect(),
            ),
            family("db_rows_total", "counter", "Rows read; the statement is quoted, \\n included.", rows.collect()),
            family("db_connections", "gauge", "Connections of a pool by state.", connections.collect()),
            family(
                "shard_cpu_seconds_total",
                "counter",
                "Processor time of a shard.",
                shards(|shard| shard.cpu_ticks as f64 / 100.0),
            ),
            family(
                "shard_hit_ratio",
                "gauge",
                "Hits among look-ups of the last second.",
                shards(|shard| shard.hit_ratio),
            ),
            family("shard_resident_bytes", "gauge", "Memory of a shard.", shards(|shard| (shard.pages * 4_096) as f64)),
            family("feature_enabled", "gauge", "1 where a feature is on.", flags.collect()),
        ]
    }
}

impl Route {
    fn answer(&mut self, mean_s: f64, dice: &mut Dice) {
        let took_s = -mean_s * (1.0 - dice.unit()).ln();
        let bucket = BOUNDS.partition_point(|bound| *bound < took_s);
        self.buckets[bucket] += 1;
        self.sum_s += took_s;
        let share = dice.unit();
        self.codes[CODES.iter().take_while(|(_, up_to)| *up_to <= share).count().min(CODES.len() - 1)] += 1;
    }

    fn latency(&self, at: usize) -> Vec<Point> {
        let point = |suffix, le: Option<String>, value| {
            let mut labels = place(at);
            labels.extend(le.map(|le| ("le", le)));
            Point { suffix, labels, value }
        };
        let mut count = 0;
        let upper: [String; BOUNDS.len() + 1] =
            array::from_fn(|at| BOUNDS.get(at).map_or("+Inf".to_owned(), f64::to_string));
        let mut points = Vec::with_capacity(upper.len() + 2);
        for (le, held) in upper.into_iter().zip(self.buckets) {
            count += held;
            points.push(point("_bucket", Some(le), count as f64));
        }
        points.push(point("_sum", None, self.sum_s));
        points.push(point("_count", None, count as f64));
        points
    }

    fn answered(&self, at: usize) -> impl Iterator<Item = Point> {
        CODES.iter().zip(self.codes).map(move |((code, _), count)| {
            let mut labels = place(at);
            labels.push(("code", (*code).to_owned()));
            Point { suffix: "", labels, value: count as f64 }
        })
    }
}

/// Labels that all series of a route have.
fn place(at: usize) -> Vec<(&'static str, String)> {
    let method = ["GET", "POST", "PUT"][at % 3];
    vec![("method", method.to_owned()), ("route", format!("/api/v1/shops/:shop/things-{at}/:id"))]
}

/// Small numbers in a row (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, less than 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }
}

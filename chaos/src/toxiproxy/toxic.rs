//! A toxic: what a client asked for, and the entry of an edge that does it.

use super::body;
use super::error::ApiError;
use crate::lease::FaultId;
use crate::proxy::{Bottleneck, Direction, Dose, EdgeFault, Share};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::{Map, Value};
use std::num::NonZeroU32;
use std::time::Duration;

/// Longest time that a toxic takes: far longer than any test, and far from the end of the clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Every type, with the names of its attributes in the order in which they are shown. All are whole numbers.
const TYPES: [(&str, &[&str]); 8] = [
    ("latency", &["latency", "jitter"]),
    ("bandwidth", &["rate"]),
    ("slow_close", &["delay"]),
    ("timeout", &["timeout"]),
    ("reset_peer", &["timeout"]),
    ("slicer", &["average_size", "size_variation", "delay"]),
    ("limit_data", &["bytes"]),
    ("noop", &[]),
];

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Toxic {
    pub(super) name: String,
    kind: &'static str,
    /// As the client wrote it.
    stream: String,
    pub(super) direction: Direction,
    toxicity: f32,
    attributes: Vec<(&'static str, i64)>,
    /// The entry that does it, while the proxy runs.
    pub(super) entry: Option<FaultId>,
}

impl Toxic {
    /// Reads a toxic; `exists` tells whether a name is taken.
    ///
    /// # Errors
    /// The body, the stream or the type makes no sense, or the name is taken.
    pub(super) fn read(body: &[u8], exists: impl Fn(&str) -> bool) -> Result<Self, ApiError> {
        let fields = body::object(body)?;
        let text = |key: &str| body::text(&fields, key);
        let (name, kind, stream) = (text("name")?, text("type")?, text("stream")?);
        let toxicity = body::float(&fields, "toxicity")?.unwrap_or(1.0);
        let attributes = body::inner(&fields, "attributes")?;
        let stream = stream.unwrap_or_else(|| "downstream".into());
        let direction = match stream.to_lowercase().as_str() {
            "upstream" => Direction::To,
            "downstream" => Direction::From,
            _ => return Err(ApiError::bad_stream()),
        };
        let kind = kind.unwrap_or_default();
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{kind}_{stream}"));
        let known = TYPES.iter().find(|(known, _)| *known == kind);
        let (kind, names) = known.ok_or_else(ApiError::bad_type)?;
        if exists(&name) {
            return Err(ApiError::toxic_exists());
        }
        let zeros = names.iter().map(|name| (*name, 0)).collect();
        let mut toxic = Self { name, kind, stream, direction, toxicity, attributes: zeros, entry: None };
        toxic.set_attributes(&attributes)?;
        Ok(toxic)
    }

    /// Takes over what `body` says and keeps the rest.
    ///
    /// # Errors
    /// The body makes no sense; nothing is changed then.
    pub(super) fn update(&mut self, body: &[u8]) -> Result<(), ApiError> {
        let fields = body::object(body)?;
        let toxicity = body::float(&fields, "toxicity")?.unwrap_or(self.toxicity);
        self.set_attributes(&body::inner(&fields, "attributes")?)?;
        self.toxicity = toxicity;
        Ok(())
    }

    fn set_attributes(&mut self, given: &Map<String, Value>) -> Result<(), ApiError> {
        let mut attributes = self.attributes.clone();
        for (name, value) in &mut attributes {
            if let Some(given) = body::whole(given, name)? {
                *value = given;
            }
            if self.kind == "bandwidth" && *value < 0 {
                return Err(ApiError::bad_body(format!("attributes.{name} is {value}; write 0 or more KB/s")));
            }
        }
        self.attributes = attributes;
        Ok(())
    }

    fn attribute(&self, name: &str) -> u64 {
        let found = self.attributes.iter().find(|(known, _)| *known == name);
        found.map_or(0, |(_, value)| u64::try_from(*value).unwrap_or(0))
    }

    fn ms(&self, name: &str) -> Duration {
        Duration::from_millis(self.attribute(name)).min(LONGEST)
    }

    /// The entry that does what the toxic says; `None` when it touches no connection.
    pub(super) fn dose(&self, seed: u64) -> Option<Dose> {
        let connections = Share::try_new(f64::from(self.toxicity.min(1.0))).ok()?;
        let direction = self.direction;
        let size = |name| u32::try_from(self.attribute(name)).unwrap_or(u32::MAX);
        let fault = match self.kind {
            "latency" => EdgeFault::Delay { delay: self.ms("latency"), jitter: self.ms("jitter"), direction },
            "bandwidth" => {
                let bytes_per_second = self.attribute("rate").saturating_mul(1_000);
                EdgeFault::Bandwidth { bytes_per_second, per: Bottleneck::Connection, direction }
            }
            "slow_close" => EdgeFault::SlowClose { delay: self.ms("delay"), direction },
            "timeout" => EdgeFault::Timeout { after: self.ms("timeout"), direction },
            "reset_peer" => EdgeFault::ResetAfter { after: self.ms("timeout"), direction },
            "slicer" => EdgeFault::Slice {
                average: NonZeroU32::new(size("average_size")).unwrap_or(NonZeroU32::MIN),
                variation: size("size_variation"),
                delay: Duration::from_micros(self.attribute("delay")).min(LONGEST),
                direction,
            },
            "limit_data" => EdgeFault::LimitData { bytes: self.attribute("bytes"), direction },
            _ => return None,
        };
        Some(Dose { fault, seed, connections })
    }
}

struct Attributes<'a>(&'a [(&'static str, i64)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Toxic {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("Toxic", 5)?;
        fields.serialize_field("attributes", &Attributes(&self.attributes))?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("type", self.kind)?;
        fields.serialize_field("stream", &self.stream)?;
        // Whole numbers are written without a fraction, as clients are used to.
        if self.toxicity.fract() == 0.0 && self.toxicity.abs() < 1e6 {
            fields.serialize_field("toxicity", &(self.toxicity as i64))?;
        } else {
            fields.serialize_field("toxicity", &self.toxicity)?;
        }
        fields.end()
    }
}

//! Where a value stands in a JSON text.

use super::key::{KeyPath, Part};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

pub(super) fn find(text: &str, key: &KeyPath) -> Option<Range<usize>> {
    let whole: &RawValue = serde_json::from_str(text).ok()?;
    let found = key.parts().iter().try_fold(whole, step)?.get();
    // A raw value is borrowed from the text: the distance of their first bytes is the place.
    let start = found.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some(start..start + found.len())
}

fn step<'t>(value: &'t RawValue, part: &Part) -> Option<&'t RawValue> {
    match part {
        Part::Name(name) => serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).ok()?.remove(name),
        Part::Entry(number) => serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?.get(*number).copied(),
    }
}

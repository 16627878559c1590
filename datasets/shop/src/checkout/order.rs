//! Carts and orders as kept and as answered.

use serde::Serialize;

/// A number of one item.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    /// Number of the item, from 1.
    pub(crate) item: u16,
    pub(crate) quantity: u16,
}

/// An open cart.
#[derive(Default)]
pub(crate) struct Cart {
    pub(crate) lines: Vec<Line>,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Paid,
    /// Accepted; the charge follows.
    Pending,
    /// Not accepted; 3.6.0 retries the charge all the same.
    Failed,
}

/// An order.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) lines: Vec<Line>,
    pub(crate) total_cents: u64,
    pub(crate) state: State,
    pub(crate) gift_note: Option<Box<str>>,
}

/// A line as answered.
#[derive(Serialize)]
pub(crate) struct LineView {
    pub(crate) item: String,
    pub(crate) quantity: u16,
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        LineView { item: item_id(line.item), quantity: line.quantity }
    }
}

/// Id of an item as catalog writes it.
pub(crate) fn item_id(number: u16) -> String {
    format!("item-{number:03}")
}

/// Number of an item from its id, if it is written as catalog writes it.
pub(crate) fn item_number(id: &str) -> Option<u16> {
    let number: u16 = id.strip_prefix("item-")?.parse().ok()?;
    (number > 0 && item_id(number) == id).then_some(number)
}

/// `ord-18c2f0a-17`: kind, process, number.
pub(crate) fn id(kind: &str, boot: u64, number: u64) -> String {
    format!("{kind}-{boot:x}-{number}")
}

/// Number in an id of this process.
pub(crate) fn number(kind: &str, boot: u64, id: &str) -> Option<u64> {
    let (boot_text, number) = id.strip_prefix(kind)?.strip_prefix('-')?.split_once('-')?;
    let number = number.parse().ok()?;
    (u64::from_str_radix(boot_text, 16) == Ok(boot)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_foreign_ones_are_refused() {
        assert_eq!(number("ord", 0xabc, &id("ord", 0xabc, 17)), Some(17));
        for foreign in ["ord-abd-17", "cart-abc-17", "ord-abc", "ord-abc-x", "", "ord"] {
            assert_eq!(number("ord", 0xabc, foreign), None, "{foreign}");
        }
        assert_eq!(item_number("item-017"), Some(17));
        for wrong in ["item-17", "item-000", "item-+17", "17"] {
            assert_eq!(item_number(wrong), None, "{wrong}");
        }
    }
}

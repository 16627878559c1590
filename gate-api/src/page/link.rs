//! Addresses of pages.

use std::fmt::Write as _;

/// Address of a tag's page in a landscape; names may hold anything.
pub fn tag_link(product: &str, tag: &str, landscape: &str) -> String {
    format!("/products/{}/tags/{}?landscape={}", encoded(product), encoded(tag), encoded(landscape))
}

/// Percent-encodes all but the unreserved characters of RFC 3986, so that a name stays one segment.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => write!(text, "%{byte:02X}").expect("writing to a String cannot fail"),
        }
    }
    text
}

//! Rewrites the fields of a complete head and leaves every other byte as it was.

/// `head` without the fields named in `drop` (in any case), and with those of `set` at its end.
pub(super) fn edit<'a>(head: &[u8], drop: &[&str], set: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut new = Vec::with_capacity(head.len() + 64);
    let mut dropping = false;
    for (n, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line == b"\r\n" {
            continue;
        }
        // A line that begins with a blank continues the field before it.
        let continues = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        if n > 0 && !continues {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
            dropping = drop.iter().any(|drop| name.eq_ignore_ascii_case(drop.as_bytes()));
        }
        if !dropping {
            new.extend_from_slice(line);
        }
    }
    for (name, value) in set {
        new.extend_from_slice(name.as_bytes());
        new.extend_from_slice(b": ");
        new.extend_from_slice(value);
        new.extend_from_slice(b"\r\n");
    }
    new.extend_from_slice(b"\r\n");
    new
}

/// `head` for a body of `length` bytes.
pub(super) fn with_length(head: &[u8], length: usize) -> Vec<u8> {
    let length = length.to_string();
    let set = [("content-length", length.as_bytes())];
    edit(head, &["content-length", "transfer-encoding", "trailer"], set.into_iter())
}

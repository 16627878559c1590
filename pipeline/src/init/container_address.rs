//! Addresses of other services in the variables of a service: `http://payments:8080`.

/// An address of a service within a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The service.
    pub(super) service: String,
    /// Its port within the network of the containers.
    pub(super) port: Option<u16>,
    /// The value with `{host}:{port}` in the place of the address.
    pub(super) format: String,
}

/// The one address of a known service in `value`, if there is exactly one.
pub(super) fn find(value: &str, services: &[String]) -> Option<Address> {
    let mut found = services.iter().filter_map(|service| at(value, service));
    match (found.next(), found.next()) {
        (Some(address), None) => Some(address),
        _ => None,
    }
}

/// `:8080`, not the `://` of a scheme that is spelt like a service.
fn names_port(after: &str) -> bool {
    after.strip_prefix(':').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn at(value: &str, service: &str) -> Option<Address> {
    let part_of_a_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let (start, _) = value.match_indices(service).find(|(start, found)| {
        let (before, after) = (&value[..*start], &value[start + found.len()..]);
        // A host stands at the beginning, after `//` or after the `@` of credentials, and ends at a port or a path.
        (before.is_empty() || before.ends_with("//") || before.ends_with('@'))
            && !after.starts_with(part_of_a_name)
            && (names_port(after) || before.ends_with("//") || before.ends_with('@'))
    })?;
    let (before, after) = (&value[..start], &value[start + service.len()..]);
    let digits = after.strip_prefix(':').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (port, rest) = match digits {
        0 => (None, after),
        n => (after[1..=n].parse().ok(), &after[n + 1..]),
    };
    // A list of addresses is none of them.
    if rest.starts_with(',') {
        return None;
    }
    Some(Address { service: service.to_owned(), port, format: format!("{before}{{host}}:{{port}}{rest}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_service_and_keeps_the_rest() {
        let services = ["pay".to_owned(), "payments".to_owned(), "redis".to_owned()];
        let seen = |value: &str| find(value, &services).map(|a| (a.service, a.port, a.format));
        let some = |service: &str, port, format: &str| Some((service.to_owned(), port, format.to_owned()));
        assert_eq!(seen("http://payments:8080/api"), some("payments", Some(8080), "http://{host}:{port}/api"));
        assert_eq!(seen("redis:6379"), some("redis", Some(6379), "{host}:{port}"));
        assert_eq!(seen("redis://u:p@redis/0"), some("redis", None, "redis://u:p@{host}:{port}/0"));
        for none in ["redis", "the redis cache", "http://redis.example:1", "payments:1,redis:2", "prepay:1"] {
            assert_eq!(seen(none), None, "{none}");
        }
    }
}

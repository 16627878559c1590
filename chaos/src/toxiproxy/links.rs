//! All proxies of a server, by name.

use super::Settings;
use super::address::{self, Book};
use super::body;
use super::error::ApiError;
use super::link::{Link, Serial};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::SocketAddr;

#[derive(Debug)]
pub(super) struct Links {
    pub(super) all: BTreeMap<String, Link>,
    pub(super) serial: Serial,
    settings: Settings,
    ticks: usize,
}

/// What a client says about a proxy; fields that it left out are none.
struct Input {
    name: Option<String>,
    listen: Option<String>,
    upstream: Option<String>,
    enabled: Option<bool>,
}

impl Input {
    fn read(fields: &Map<String, Value>) -> Result<Self, ApiError> {
        let text = |key| body::text(fields, key);
        Ok(Self {
            name: text("name")?,
            listen: text("listen")?,
            upstream: text("upstream")?,
            enabled: body::truth(fields, "enabled")?,
        })
    }

    /// A proxy that is not started yet; `place` follows the name of a field that is missing.
    fn link(self, place: &str) -> Result<(Link, bool), ApiError> {
        let given = |text: Option<String>, name: &str| {
            text.filter(|text| !text.is_empty()).ok_or_else(|| ApiError::missing(format!("{name}{place}")))
        };
        let name = given(self.name, "name")?;
        let upstream = given(self.upstream, "upstream")?;
        Ok((Link::new(name, self.listen.unwrap_or_default(), upstream), self.enabled.unwrap_or(true)))
    }
}

/// Addresses in a body that describes proxies; none when it makes no sense, which is told later.
pub(super) fn addresses_in(bytes: &[u8]) -> Vec<String> {
    let list = match body::value(bytes) {
        Ok(Value::Array(list)) => list,
        Ok(other) => vec![other],
        Err(_) => Vec::new(),
    };
    let inputs = list.iter().filter_map(|value| Input::read(&body::members("a proxy", value).ok()?).ok());
    inputs.flat_map(|input| [input.listen, input.upstream]).flatten().collect()
}

impl Links {
    pub(super) fn new(settings: Settings) -> Self {
        Self { all: BTreeMap::new(), serial: Serial { seed: settings.seed, next: 0 }, settings, ticks: 0 }
    }

    pub(super) fn get(&self, name: &str) -> Result<&Link, ApiError> {
        self.all.get(name).ok_or_else(ApiError::proxy_not_found)
    }

    /// A proxy, and what a change of it needs.
    pub(super) fn get_mut(&mut self, name: &str) -> Result<(&mut Link, &mut Serial), ApiError> {
        let link = self.all.get_mut(name).ok_or_else(ApiError::proxy_not_found)?;
        Ok((link, &mut self.serial))
    }

    pub(super) fn create(&mut self, bytes: &[u8], book: &Book) -> Result<&Link, ApiError> {
        let (mut link, enabled) = Input::read(&body::object(bytes)?)?.link("")?;
        if self.all.contains_key(&link.name) {
            return Err(ApiError::proxy_exists());
        }
        if enabled {
            link.start(&self.settings, &mut self.serial, book)?;
        }
        Ok(self.all.entry(link.name.clone()).or_insert(link))
    }

    pub(super) async fn update(&mut self, name: &str, bytes: &[u8], book: &Book) -> Result<&Link, ApiError> {
        let link = self.all.get_mut(name).ok_or_else(ApiError::proxy_not_found)?;
        let input = Input::read(&body::object(bytes)?)?;
        let listen = input.listen.unwrap_or_else(|| link.listen.clone());
        let upstream = input.upstream.unwrap_or_else(|| link.upstream.clone());
        let enabled = input.enabled.unwrap_or(link.is_enabled());
        if link.differs(&listen, &upstream, &self.settings, book)? {
            link.stop().await;
            (link.listen, link.upstream) = (listen, upstream);
        }
        if !enabled {
            link.stop().await;
        } else if !link.is_enabled() {
            link.start(&self.settings, &mut self.serial, book)?;
        }
        Ok(link)
    }

    pub(super) async fn remove(&mut self, name: &str) -> Result<(), ApiError> {
        let mut link = self.all.remove(name).ok_or_else(ApiError::proxy_not_found)?;
        link.stop().await;
        Ok(())
    }

    /// Makes every proxy of a list; one that is there already as it should be stays as it is. Returns the names of
    /// those that are there now, none when the list makes no sense, and what went wrong.
    pub(super) async fn populate(&mut self, bytes: &[u8], book: &Book) -> (Option<Vec<String>>, Option<ApiError>) {
        let wanted = match Self::read_list(bytes) {
            Ok(wanted) => wanted,
            Err(error) => return (None, Some(error)),
        };
        let mut names = Vec::new();
        for (link, enabled) in wanted {
            let name = link.name.clone();
            if let Err(error) = self.add_or_replace(link, enabled, book).await {
                return (Some(names), Some(error));
            }
            names.push(name);
        }
        (Some(names), None)
    }

    fn read_list(bytes: &[u8]) -> Result<Vec<(Link, bool)>, ApiError> {
        let list = match body::value(bytes)? {
            Value::Array(list) => list,
            Value::Null => Vec::new(),
            other => return Err(ApiError::bad_body(format!("the body is {other}; write a list of proxies"))),
        };
        let members = |value| body::members("a proxy", value).and_then(|fields| Input::read(&fields));
        let inputs: Vec<Input> = list.iter().map(members).collect::<Result<_, _>>()?;
        inputs.into_iter().enumerate().map(|(n, input)| input.link(&format!(" at proxy {}", n + 1))).collect()
    }

    async fn add_or_replace(&mut self, mut link: Link, enabled: bool, book: &Book) -> Result<(), ApiError> {
        if let Some(existing) = self.all.get_mut(&link.name) {
            if !existing.differs(&link.listen, &link.upstream, &self.settings, book)? {
                return Ok(());
            }
            existing.stop().await;
        }
        if enabled {
            link.start(&self.settings, &mut self.serial, book)?;
        }
        self.all.insert(link.name.clone(), link);
        Ok(())
    }

    /// Starts every proxy and takes every toxic away.
    pub(super) fn reset(&mut self, book: &Book) -> Result<(), ApiError> {
        for link in self.all.values_mut() {
            link.start(&self.settings, &mut self.serial, book)?;
            link.remove_toxics();
        }
        Ok(())
    }

    /// Renews the lease of every toxic; returns one target that is still unknown, the next time another.
    pub(super) fn renew(&mut self) -> Option<String> {
        for link in self.all.values_mut() {
            link.renew(&mut self.serial);
        }
        self.ticks += 1;
        let unknown: Vec<_> = self.all.values().filter(|link| link.without_target().is_some()).collect();
        unknown.get(self.ticks % unknown.len().max(1)).map(|link| link.upstream.clone())
    }

    /// Points the proxies that still look for `upstream` to where the book says that it is.
    pub(super) fn point(&self, upstream: &str, book: &Book) {
        let addr: Option<SocketAddr> = address::upstream(upstream, self.settings.reach, book).ok().flatten();
        let waiting = self.all.values().filter(|link| link.upstream == upstream);
        waiting.filter_map(Link::without_target).for_each(|edge| edge.set_upstream(addr));
    }

    pub(super) async fn stop(&mut self) {
        for link in self.all.values_mut() {
            link.stop().await;
        }
    }
}

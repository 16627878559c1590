//! Which component a fault is aimed at, and which of its replicas.

use super::Fit;
use super::draft::Draft;
use super::labels;
use super::node::Node;
use super::wish::Wish;
use crate::document::Choose;

/// A key of the source, how it maps, and to what.
pub(super) type Claim<'a> = (Node<'a>, Fit, Option<String>);

/// The aim that a selector of the source describes.
#[derive(Clone)]
pub(super) struct Aim<'a> {
    /// The component, or why there is none.
    pub component: Result<String, String>,
    pub choose: Choose,
    /// Keys of the selector.
    pub keys: Vec<Claim<'a>>,
    /// Keys that say how many replicas.
    pub share: Vec<Claim<'a>>,
}

impl<'a> Aim<'a> {
    pub fn unknown(why: &str) -> Self {
        Self { component: Err(why.into()), choose: Choose::default(), keys: Vec::new(), share: Vec::new() }
    }

    /// A component that a key names, with a caveat if it has to be taken on trust.
    pub fn at(&mut self, node: &Node<'a>, component: &str, caveat: Option<String>) {
        self.component = Ok(component.into());
        let fit = caveat.map_or(Fit::Exact, Fit::Caveat);
        self.keys.push((node.clone(), fit, Some(format!("targets.{component}"))));
    }

    /// A component from a selector text, `app=web,tier=front`.
    pub fn by_selector(&mut self, node: &Node<'a>) {
        let text = node.text().unwrap_or_default();
        match labels::pairs(text).as_deref().and_then(labels::naming) {
            Some((label, value)) => {
                let value = value.to_string();
                self.at(node, &value, Some(format!("component taken from the label `{label}`")));
            }
            None => self.lost(node, "the selector does not name a single component"),
        }
    }

    /// A component from the name of a pod, or from a pattern for such names.
    pub fn by_pod_name(&mut self, node: &Node<'a>) {
        match node.text().and_then(labels::of_pod_name) {
            Some(name) => {
                let why = "component taken from the name of the pods; which replica is drawn";
                self.at(node, &name, Some(why.into()));
            }
            None => self.lost(node, "the pattern does not name a single component"),
        }
    }

    /// A component from the name of a deployment, a service or a proxy.
    pub fn by_name(&mut self, node: &Node<'a>, what: &str) {
        match node.text().filter(|name| !name.is_empty() && !labels::is_placeholder(name)) {
            Some(name) => self.at(node, name, Some(format!("the {what} is taken as the component of that name"))),
            None => self.lost(node, "the name is not written out"),
        }
    }

    pub fn note(&mut self, node: &Node<'a>, caveat: &str) {
        self.keys.push((node.clone(), Fit::Caveat(caveat.into()), None));
    }

    pub fn lost(&mut self, node: &Node<'a>, why: &str) {
        self.keys.push((node.clone(), Fit::Not { why: why.into() }, None));
    }

    /// How many replicas, from a key.
    pub fn choose(&mut self, node: &Node<'a>, choose: Choose, caveat: Option<&str>) {
        let fit = caveat.map_or(Fit::Exact, |caveat| Fit::Caveat(caveat.into()));
        let becomes = if choose.percent.is_some() { "targets.choose.percent" } else { "targets.choose.count" };
        self.choose = choose;
        self.share.push((node.clone(), fit, Some(becomes.into())));
    }

    /// A fault on the chosen processes.
    pub fn process(&self, kind: &'static str, asks: &Node<'a>, draft: &mut Draft) -> Wish<'a> {
        let mut wish = self.wish(kind, asks, draft);
        wish.claims(self.share.iter().cloned());
        wish
    }

    /// A fault on the edges to the component: it meets every replica.
    pub fn edge(&self, kind: &'static str, asks: &Node<'a>, draft: &mut Draft) -> Wish<'a> {
        let mut wish = self.wish(kind, asks, draft);
        let all = Choose::percent(100);
        let share = self.share.iter().map(|(node, fit, _)| {
            let why = "a fault on edges meets the traffic of every replica";
            let fit = if self.choose == all { fit.clone() } else { Fit::Caveat(why.into()) };
            (node.clone(), fit, None)
        });
        wish.claims(share);
        if kind == "net.corrupt" {
            wish.but("checksums catch a corrupt packet there, and it is sent again; here the bytes arrive changed");
        }
        wish
    }

    fn wish(&self, kind: &'static str, asks: &Node<'a>, draft: &mut Draft) -> Wish<'a> {
        let target = self.component.as_ref().map(|component| draft.target(component, self.choose.clone()));
        let mut wish = Wish::new(kind, target.as_deref().unwrap_or_default(), asks);
        if let Err(why) = &self.component {
            wish.refuse(why.clone());
        }
        wish.claims(self.keys.iter().cloned());
        wish
    }
}

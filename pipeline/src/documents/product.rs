//! `product.yaml`: the exact component versions of a product.

use super::problem::Complaint;
use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Product {
    /// Version of the document family.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: ProductKind,
    /// Who it is.
    pub metadata: ProductMeta,
    /// How versions are computed.
    #[serde(default)]
    pub versioning: Versioning,
    /// Components with exact versions.
    pub components: Vec<Component>,
    /// Feature toggles.
    #[serde(default)]
    pub toggles: Vec<Toggle>,
}

/// Version of the document family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The only one so far.
    #[serde(rename = "mettle/v1")]
    V1,
}

/// Kind `Product`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProductKind {
    /// `Product`.
    Product,
}

/// Name of a product.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProductMeta {
    /// Name.
    pub name: String,
}

/// How versions are computed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Versioning {
    /// Prefix of product tags.
    pub tag_prefix: String,
    /// What a minor change of a 0.x version counts as.
    pub zero_major: Bump,
    /// Product bump by component change.
    pub bump: BTreeMap<Change, Bump>,
}

impl Default for Versioning {
    fn default() -> Self {
        Versioning { tag_prefix: "v".into(), zero_major: Bump::Minor, bump: BTreeMap::new() }
    }
}

/// Size of a version step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// Third number.
    Patch,
    /// Second number.
    Minor,
    /// First number.
    Major,
}

/// Kind of change of a component within a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Major step.
    Major,
    /// Minor step.
    Minor,
    /// Patch step.
    Patch,
    /// New component.
    Added,
    /// Component gone.
    Removed,
    /// Older version than before.
    Downgrade,
}

/// One component.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Component {
    /// Name.
    pub name: String,
    /// Any git URL, or a path relative to the product repository.
    pub repo: String,
    /// Exact version, strict semver.
    pub version: String,
    /// Tag of that version in the component's repository.
    #[serde(default = "default_tag_pattern")]
    pub tag_pattern: String,
    /// Chart (Kubernetes).
    #[serde(default)]
    pub chart: Option<Artifact>,
    /// Images (Kubernetes).
    #[serde(default)]
    pub images: Vec<Artifact>,
    /// Size for risk.
    #[serde(default)]
    pub size: Option<Size>,
    /// Tested alone, under the global lane lock.
    #[serde(default)]
    pub core: bool,
    /// Who owns it.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Components that it calls.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Suites by use.
    #[serde(default)]
    pub suites: BTreeMap<String, Vec<String>>,
}

fn default_tag_pattern() -> String {
    "v{version}".into()
}

/// A chart or image.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Artifact {
    /// Reference.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Digest.
    #[serde(default)]
    pub digest: Option<String>,
}

/// Size of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Size {
    /// Small.
    S,
    /// Medium.
    M,
    /// Large.
    L,
    /// Very large.
    XL,
}

/// A feature toggle.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Toggle {
    /// Key.
    pub key: String,
    /// Component that reads it.
    pub component: String,
    /// Version that brought it.
    #[serde(default)]
    pub since: Option<String>,
    /// Who owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// When it must be gone.
    #[serde(default)]
    pub remove_by: Option<RemoveBy>,
}

/// When a toggle must be gone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RemoveBy {
    /// After so many product tags.
    pub tags: u32,
}

impl Product {
    /// What the schema cannot say.
    pub fn complaints(&self) -> Vec<Complaint> {
        let names: BTreeSet<&str> = self.components.iter().map(|c| c.name.as_str()).collect();
        let known = names.iter().copied().collect::<Vec<_>>().join(", ");
        let mut out = Vec::new();
        if self.components.is_empty() {
            out.push(Complaint::new("components", "[]", "has no components", "list at least one component"));
        }
        for (i, c) in self.components.iter().enumerate() {
            if Version::parse(&c.version).is_err() {
                out.push(Complaint::new(
                    format!("components[{i}].version"),
                    &c.version,
                    "is not a strict version",
                    "write MAJOR.MINOR.PATCH such as 3.4.1, without a prefix",
                ));
            }
            if self.components[..i].iter().any(|o| o.name == c.name) {
                out.push(Complaint::new(
                    format!("components[{i}].name"),
                    &c.name,
                    "is given twice",
                    "give every component its own name",
                ));
            }
            for (j, d) in c.depends_on.iter().enumerate().filter(|(_, d)| !names.contains(d.as_str())) {
                out.push(Complaint::new(
                    format!("components[{i}].dependsOn[{j}]"),
                    d,
                    "is not a component of this product",
                    format!("known: {known}"),
                ));
            }
            if !c.tag_pattern.contains("{version}") {
                out.push(Complaint::new(
                    format!("components[{i}].tagPattern"),
                    &c.tag_pattern,
                    "has no {version}",
                    "write for instance \"v{version}\"",
                ));
            }
        }
        for (i, t) in self.toggles.iter().enumerate().filter(|(_, t)| !names.contains(t.component.as_str())) {
            out.push(Complaint::new(
                format!("toggles[{i}].component"),
                &t.component,
                "is not a component of this product",
                format!("known: {known}"),
            ));
        }
        out
    }

    /// Component versions by name.
    pub fn versions(&self) -> BTreeMap<String, String> {
        self.components.iter().map(|c| (c.name.clone(), c.version.clone())).collect()
    }
}

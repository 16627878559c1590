//! The metrics server that a landscape names, with its credentials, certificates and headers.

use super::{Place, Source};
use crate::documents::landscape::Landscape;
use crate::documents::{Complaint, Problems, read_file};
use std::path::Path;

impl Place {
    /// The server of the landscape document at `path`, or in the folder `path`. Files that are not absolute lie below
    /// `dir`, the folder of the installation.
    ///
    /// # Errors
    /// Everything that is wrong with the document, or that it names no server.
    pub fn of_landscape(path: &Path, dir: &Path) -> Result<Place, Problems> {
        let path = if path.is_dir() { path.join("landscape.yaml") } else { path.to_owned() };
        let document = read_file::<Landscape>(&path, Landscape::complaints)?;
        // There is exactly one cluster, or the document has a problem.
        let Some(settings) = &document.value.clusters[0].metrics.server else {
            return Err(document.place([Complaint::new(
                "clusters[0].metrics.server",
                "",
                "the landscape has no metrics server",
                "add `metrics: {server: {url: ..}}` to its cluster, or name a place with --metrics",
            )]));
        };
        Ok(Place { component: None, source: Source::Server(Box::new(settings.clone().within(dir))) })
    }
}

//! What is known of a new product before its documents are written.

use super::part::{Part, Ready, Side};
use super::words;
use crate::documents::{Problem, Problems};
use crate::landscape::processes::is_name;
use std::collections::BTreeSet;

/// Names that an installation uses for itself.
const RESERVED: [&str; 5] = ["work", "logs", "evidence", "lock", "repos"];

/// A product, its landscape and its components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// Product name; also the folder of its repository.
    pub product: String,
    /// Landscape name; also the folder of its repository.
    pub landscape: String,
    /// Components in the order of the documents.
    pub parts: Vec<Part>,
    /// What a person should know: what was guessed, and what could not be mapped.
    pub notes: Vec<String>,
}

/// What was given on the command line, each as `NAME=VALUE`.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Product name.
    pub product: Option<String>,
    /// Landscape name.
    pub landscape: Option<String>,
    /// `NAME=COMMAND`.
    pub components: Vec<String>,
    /// `NAME=/path`, `NAME=tcp` or `NAME=alive`.
    pub health: Vec<String>,
    /// `NAME=/path`.
    pub metrics: Vec<String>,
    /// `NAME=OTHER:VARIABLE`.
    pub reaches: Vec<String>,
    /// `NAME=KEY=VALUE`.
    pub env: Vec<String>,
    /// Names of components that users do not reach.
    pub internal: Vec<String>,
    /// Names of components that are left out.
    pub without: Vec<String>,
}

/// Default name of the landscape.
pub const LANDSCAPE: &str = "staging";

impl Flags {
    /// Whether nothing describes a component, so that a person must be asked.
    pub fn describe_nothing(&self) -> bool {
        self.components.is_empty()
    }

    /// The sketch that the flags alone give.
    ///
    /// # Errors
    /// Every flag that cannot be used.
    pub fn sketch(&self) -> Result<Sketch, Problems> {
        let mut sketch = Sketch {
            product: self.product.clone().unwrap_or_default(),
            landscape: self.landscape.clone().unwrap_or_else(|| LANDSCAPE.into()),
            parts: vec![],
            notes: vec![],
        };
        let mut problems = self.apply(&mut sketch);
        if self.product.is_none() {
            problems.push(flag("--product", "", "", "is missing", "give the product a name: --product shop"));
        }
        problems.extend(sketch.problems());
        Problems(problems).or(sketch)
    }

    fn add_components(&self, sketch: &mut Sketch, problems: &mut Vec<Problem>) {
        for given in &self.components {
            match pair(given).map(|(name, command)| (name, words(command))) {
                Some((name, Ok(command))) if !command.is_empty() => match part_mut(sketch, name) {
                    Some(part) => part.command = command,
                    None => sketch.parts.push(Part::new(name, command)),
                },
                Some((name, Err(why))) => problems.push(flag("--component", name, given, &why, "close it")),
                _ => problems.push(flag(
                    "--component",
                    "",
                    given,
                    "is not NAME=COMMAND",
                    "write for instance --component 'web=python3 -m http.server {port} --bind 127.0.0.1'",
                )),
            }
        }
    }

    /// Adds the flags to a sketch: new components, and what is known better of those that are there.
    pub fn apply(&self, sketch: &mut Sketch) -> Vec<Problem> {
        let mut problems = Vec::new();
        sketch.parts.retain(|part| !self.without.contains(&part.name));
        for part in &mut sketch.parts {
            part.depends_on.retain(|name| !self.without.contains(name));
            part.reaches.retain(|name, _| !self.without.contains(name));
        }
        self.add_components(sketch, &mut problems);
        let known = sketch.parts.iter().map(|p| p.name.clone()).collect::<Vec<_>>().join(", ");
        let mut set = |name: &'static str, given: &[String], form: &str, to: &dyn Fn(&mut Part, &str) -> Option<()>| {
            for text in given {
                let (component, value) = pair(text).unwrap_or((text.as_str(), ""));
                match part_mut(sketch, component) {
                    None => problems.push(flag(name, component, text, "no such component", &format!("known: {known}"))),
                    Some(part) => {
                        if to(part, value).is_none() {
                            problems.push(flag(
                                name,
                                component,
                                text,
                                "cannot be read",
                                &format!("write {name} {form}"),
                            ))
                        }
                    }
                }
            }
        };
        set("--health", &self.health, "NAME=/path, NAME=tcp or NAME=alive", &|part, value| {
            part.ready = match value {
                "tcp" => Ready::Tcp,
                "alive" => Ready::Alive,
                path if path.starts_with('/') => Ready::Http(path.to_owned()),
                _ => return None,
            };
            Some(())
        });
        set("--metrics", &self.metrics, "NAME=/path", &|part, value| {
            part.metrics = Some(value.to_owned()).filter(|path| path.starts_with('/'));
            part.metrics.as_ref().map(|_| ())
        });
        set("--reaches", &self.reaches, "NAME=OTHER:VARIABLE", &|part, value| {
            let (other, variable) = value.split_once(':').filter(|(_, variable)| !variable.is_empty())?;
            part.reaches.insert(other.to_owned(), variable.to_owned());
            if !part.depends_on.iter().any(|name| name == other) {
                part.depends_on.push(other.to_owned());
            }
            Some(())
        });
        set("--env", &self.env, "NAME=KEY=VALUE", &|part, value| {
            let (key, value) = value.split_once('=')?;
            part.env.insert(key.to_owned(), value.to_owned());
            Some(())
        });
        set("--internal", &self.internal, "NAME", &|part, _| {
            part.side = Side::Internal;
            Some(())
        });
        problems
    }
}

fn part_mut<'a>(sketch: &'a mut Sketch, name: &str) -> Option<&'a mut Part> {
    sketch.parts.iter_mut().find(|part| part.name == name)
}

fn pair(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim()))
}

/// A problem of a flag: `--health  web = web=x  cannot be read; write ...`.
fn flag(name: &str, key: &str, value: &str, message: &str, remedy: &str) -> Problem {
    Problem {
        file: name.to_owned(),
        line: 0,
        key: if key.is_empty() { value.to_owned() } else { key.to_owned() },
        value: if key.is_empty() { String::new() } else { value.to_owned() },
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}

impl Sketch {
    /// What the documents would refuse, in the words of whoever gave it.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let legal = "use lower-case letters, digits and dashes, at most 63, letter first, not `user`";
        for (flag_name, name) in [("--product", &self.product), ("--landscape", &self.landscape)] {
            if !name.is_empty() && (!is_name(name) || RESERVED.contains(&name.as_str())) {
                let remedy = format!("{legal}, nor one of {}", RESERVED.join(", "));
                problems.push(flag(flag_name, "", name, "cannot be the name of a folder here", &remedy));
            }
        }
        if self.product == self.landscape {
            problems.push(flag(
                "--landscape",
                "",
                &self.landscape,
                "is also the product's name",
                "give it another name",
            ));
        }
        if self.parts.is_empty() {
            let remedy = "give at least one: --component 'web=python3 -m http.server {port} --bind 127.0.0.1'";
            problems.push(flag("--component", "", "", "there is no component", remedy));
        }
        let mut seen = BTreeSet::new();
        let names: Vec<&str> = self.parts.iter().map(|p| p.name.as_str()).collect();
        for part in &self.parts {
            if !is_name(&part.name) {
                problems.push(flag("--component", "", &part.name, "is not a component name", legal));
            }
            if !seen.insert(&part.name) {
                problems.push(flag(
                    "--component",
                    "",
                    &part.name,
                    "is given twice",
                    "give every component its own name",
                ));
            }
            for (other, variable) in part.reaches.iter().filter(|(other, _)| !names.contains(&other.as_str())) {
                let given = format!("{}={other}:{variable}", part.name);
                let remedy = format!("known: {}", names.join(", "));
                problems.push(flag("--reaches", other, &given, "no such component", &remedy));
            }
            let told = part.command.iter().chain(part.env.values()).any(|text| text.contains("{port}"));
            let listens = part.side == Side::User || part.ready != Ready::Alive || part.metrics.is_some();
            if listens && !told && !part.command.is_empty() {
                let remedy = format!(
                    "write {{port}} where its port belongs; for a program that listens nowhere give --health {name}=alive --internal {name}",
                    name = part.name
                );
                problems.push(flag(
                    "--component",
                    &part.name,
                    &part.command.join(" "),
                    "is never told its port",
                    &remedy,
                ));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(components: &[&str]) -> Flags {
        Flags {
            product: Some("shop".into()),
            components: components.iter().map(|c| (*c).to_owned()).collect(),
            ..Flags::default()
        }
    }

    #[test]
    fn flags_give_everything() {
        let flags = Flags {
            health: vec!["web=/healthz".into(), "mailer=alive".into()],
            metrics: vec!["web=/metrics".into()],
            reaches: vec!["web=api:API_URL".into()],
            env: vec!["api=MODE=a,b=c".into()],
            internal: vec!["mailer".into()],
            ..flags(&["web = server --list a,b {port}", "api=api {port}", "mailer=mail"])
        };
        let sketch = flags.sketch().unwrap();
        let web = &sketch.parts[0];
        assert_eq!(web.command, ["server", "--list", "a,b", "{port}"]);
        assert_eq!((web.ready.clone(), web.metrics.as_deref()), (Ready::Http("/healthz".into()), Some("/metrics")));
        assert_eq!((web.reaches["api"].as_str(), web.depends_on.clone()), ("API_URL", vec!["api".to_owned()]));
        assert_eq!(sketch.parts[1].env["MODE"], "a,b=c");
        assert_eq!((sketch.parts[2].side, sketch.parts[2].ready.clone()), (Side::Internal, Ready::Alive));
    }

    #[test]
    fn every_wrong_flag_is_told_at_once() {
        let flags = Flags {
            product: Some("work".into()),
            health: vec!["web=x".into(), "nobody=/".into()],
            metrics: vec!["web=m".into()],
            reaches: vec!["web=api".into(), "web=nobody:X".into()],
            ..flags(&["web=server", "Api=x {port}", "justname", "bad='x"])
        };
        insta::assert_snapshot!(flags.sketch().unwrap_err(), @r#"
        10 problems
          --component  justname  is not NAME=COMMAND; write for instance --component 'web=python3 -m http.server {port} --bind 127.0.0.1'
          --component  bad = bad='x  a ' is not closed; close it
          --health  web = web=x  cannot be read; write --health NAME=/path, NAME=tcp or NAME=alive
          --health  nobody = nobody=/  no such component; known: web, Api
          --metrics  web = web=m  cannot be read; write --metrics NAME=/path
          --reaches  web = web=api  cannot be read; write --reaches NAME=OTHER:VARIABLE
          --product  work  cannot be the name of a folder here; use lower-case letters, digits and dashes, at most 63, letter first, not `user`, nor one of work, logs, evidence, lock, repos
          --reaches  nobody = web=nobody:X  no such component; known: web, Api
          --component  web = server  is never told its port; write {port} where its port belongs; for a program that listens nowhere give --health web=alive --internal web
          --component  Api  is not a component name; use lower-case letters, digits and dashes, at most 63, letter first, not `user`
        "#);
    }
}

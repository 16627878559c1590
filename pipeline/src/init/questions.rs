//! Asks a person for a product, one question after the other.

use super::sketch::Flags;
use std::io::{self, BufRead, Write};

/// Most times that one question is asked again before the person is let go.
const TRIES_MAX: usize = 5;

/// The conversation: answers come from `input`, questions go to `out`.
pub struct Talk<R, W> {
    /// Where answers come from.
    pub input: R,
    /// Where questions go.
    pub out: W,
}

impl<R: BufRead, W: Write> Talk<R, W> {
    /// Asks for whatever `flags` leave open. The answers are flags again, so that a script can give the same.
    ///
    /// # Errors
    /// The conversation broke off.
    pub fn ask(&mut self, flags: &Flags) -> io::Result<Flags> {
        let mut flags = flags.clone();
        writeln!(self.out, "A product is a set of components; each is a program of this host that is told its port.")?;
        if flags.product.is_none() {
            flags.product = Some(self.wanted("Name of the product", Some("shop"))?);
        }
        if flags.landscape.is_none() {
            flags.landscape = Some(self.wanted("Name of the landscape in which it is soaked", Some("staging"))?);
        }
        let mut names: Vec<String> = Vec::new();
        loop {
            let what = match names.len() {
                0 => "Name of the first component".to_owned(),
                _ => "Name of the next component (empty: that is all)".to_owned(),
            };
            let first = names.is_empty().then_some("web");
            let name = self.line(&what, first)?;
            if name.is_empty() {
                return Ok(flags);
            }
            self.component(&mut flags, &name, &names)?;
            names.push(name);
        }
    }

    fn component(&mut self, flags: &mut Flags, name: &str, earlier: &[String]) -> io::Result<()> {
        writeln!(
            self.out,
            "  {{port}} in the command is replaced by its port; a program without a slash is found on PATH."
        )?;
        let command =
            self.wanted(&format!("  Command of {name}, for instance python3 -m http.server {{port}}"), None)?;
        flags.components.push(format!("{name}={command}"));
        let health = self.line(
            &format!("  {name} is ready when this path answers (or: tcp, when its port accepts; alive, when it runs)"),
            Some("/"),
        )?;
        flags.health.push(format!("{name}={health}"));
        if health == "alive" {
            flags.internal.push(name.to_owned());
            return Ok(());
        }
        let metrics = self.line("  Path of its metrics for Prometheus (empty: none)", None)?;
        if !metrics.is_empty() {
            flags.metrics.push(format!("{name}={metrics}"));
        }
        for other in earlier {
            let variable = self.line(
                &format!("  Variable in which {name} finds the address of {other} (empty: it does not call {other})"),
                None,
            )?;
            if !variable.is_empty() {
                flags.reaches.push(format!("{name}={other}:{variable}"));
            }
        }
        Ok(())
    }

    /// A line that is not empty.
    fn wanted(&mut self, question: &str, default: Option<&str>) -> io::Result<String> {
        for _ in 0..TRIES_MAX {
            let answer = self.line(question, default)?;
            if !answer.is_empty() {
                return Ok(answer);
            }
            writeln!(self.out, "  an answer is needed here")?;
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no answer to: {}", question.trim())))
    }

    fn line(&mut self, question: &str, default: Option<&str>) -> io::Result<String> {
        match default {
            Some(default) => write!(self.out, "{question} [{default}]: ")?,
            None => write!(self.out, "{question}: ")?,
        }
        self.out.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answers ended"));
        }
        let line = line.trim();
        Ok(if line.is_empty() { default.unwrap_or_default().to_owned() } else { line.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(answers: &str) -> (io::Result<Flags>, String) {
        let mut out = Vec::new();
        let flags = Talk { input: answers.as_bytes(), out: &mut out }.ask(&Flags::default());
        (flags, String::from_utf8(out).unwrap())
    }

    #[test]
    fn answers_become_flags() {
        let (flags, asked) = talk(
            "\n\n\n\npython3 -m http.server {port}\n\n/metrics\napi\nserve {port}\ntcp\n\nWEB_URL\nmail\nmailer\nalive\n\n",
        );
        let flags = flags.unwrap();
        assert_eq!((flags.product.as_deref(), flags.landscape.as_deref()), (Some("shop"), Some("staging")));
        assert_eq!(flags.components, ["web=python3 -m http.server {port}", "api=serve {port}", "mail=mailer"]);
        assert_eq!(flags.health, ["web=/", "api=tcp", "mail=alive"]);
        assert_eq!(
            (flags.metrics.clone(), flags.reaches.clone()),
            (vec!["web=/metrics".to_owned()], vec!["api=web:WEB_URL".to_owned()])
        );
        assert!(flags.sketch().is_ok());
        assert!(asked.contains("an answer is needed here"), "{asked}");
    }

    #[test]
    fn answers_that_end_are_an_error() {
        assert_eq!(talk("shop\n").0.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(talk("shop\nstaging\nweb\n\n\n\n\n\n\n").0.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

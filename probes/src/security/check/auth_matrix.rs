//! The authentication matrix: every declared endpoint against every caller who must be refused.

use super::{Check, Family, Kind, NotRun, Observed};
use crate::security::context::ScanContext;
use crate::suite::{Auth, EndpointDocument, Probe};
use futures_util::future::BoxFuture;
use reqwest::Method;
use scorer::evidence::Severity;

const KIND: Kind = Kind {
    check: "auth.matrix",
    severity: Severity::Critical,
    remedy: "check the caller before anything else, and answer 401 or 403",
};

/// No issuer signs this.
const GARBAGE_TOKEN: &str = "mettle-not-a-token";

/// Who may call what.
pub(super) struct AuthMatrix;

impl Check for AuthMatrix {
    fn id(&self) -> &'static str {
        KIND.check
    }

    fn family(&self) -> Family {
        Family::Authentication
    }

    fn run<'a>(&'a self, context: &'a ScanContext, component: &'a str) -> BoxFuture<'a, Result<Observed, NotRun>> {
        Box::pin(look(context, component))
    }
}

async fn look(context: &ScanContext, component: &str) -> Result<Observed, NotRun> {
    let protects = |endpoint: &&EndpointDocument| endpoint.component == component && endpoint.auth == Auth::Bearer;
    let endpoints: Vec<&EndpointDocument> = context.suite.endpoints.iter().filter(protects).collect();
    if endpoints.is_empty() {
        return Err(NotRun::NotApplicable("no protected endpoint is declared".to_owned()));
    }
    let mut observed = Observed::default();
    for endpoint in endpoints {
        ask_as_all(context, endpoint, &mut observed).await?;
    }
    Ok(observed)
}

async fn ask_as_all(context: &ScanContext, endpoint: &EndpointDocument, into: &mut Observed) -> Result<(), NotRun> {
    let component = endpoint.component.as_str();
    let method = endpoint.method.to_ascii_uppercase();
    let bad_method = |_| NotRun::NotApplicable(format!("`{method}` is no method"));
    let sent = Method::from_bytes(method.as_bytes()).map_err(bad_method)?;
    // A request that should be refused but is not takes effect: only harmless methods go out without permission.
    if !is_harmless(&sent) && endpoint.probe == Probe::SafeOnly {
        into.undecided.push(format!(
            "{method} {} was not sent: it may change something; `probe: unsafe-ok` allows it",
            endpoint.path
        ));
        return Ok(());
    }
    for (caller, token) in callers(context, endpoint, into) {
        let reply = context.ask(component, sent.clone(), &endpoint.path, token.as_deref()).await?;
        let request = format!("{method} {} as {caller}", endpoint.path);
        match reply.status {
            401 | 403 => {}
            200..=299 => {
                let title = format!("{component} lets {caller} call {method} {}", endpoint.path);
                let detail = format!("{request} answers {}", reply.status);
                into.findings.push(KIND.finding(component, &request, title, detail));
            }
            // Anything else, for instance 400 before the caller is checked, proves nothing.
            status => into.undecided.push(format!("{request} answers {status}, neither refused nor served")),
        }
    }
    control(context, endpoint, &sent, into).await
}

/// A door that is shut for everybody proves nothing: the right caller must get in. Where that cannot be asked, the
/// refusals of the others stay undecided.
async fn control(
    context: &ScanContext,
    endpoint: &EndpointDocument,
    sent: &Method,
    into: &mut Observed,
) -> Result<(), NotRun> {
    let request = format!("{sent} {}", endpoint.path);
    // The strongest role stands in where none is named: whoever may call at all, it may.
    let Some(role) = endpoint.role.as_ref().or(context.suite.roles.last()) else {
        into.undecided
            .push(format!("{request} names no role that may call it: a door shut to everybody looks the same"));
        return Ok(());
    };
    let Some(token) = context.token(role) else {
        into.undecided.push(format!(
            "the right role `{role}` of {request} has no token: a door shut to everybody looks the same"
        ));
        return Ok(());
    };
    if !is_harmless(sent) {
        // The right caller would be served, which is a change for certain.
        into.undecided.push(format!("{request} was not sent as the right role `{role}`: it would take effect"));
        return Ok(());
    }
    let reply = context.ask(&endpoint.component, sent.clone(), &endpoint.path, Some(token)).await?;
    match reply.status {
        401 | 403 => into.undecided.push(format!("{request} refuses the right role `{role}` too")),
        // A redirect may lead to the login: that is a refusal too.
        status @ (300..=399 | 429 | 500..) => {
            into.undecided.push(format!("{request} answers {status} to the right role `{role}`"))
        }
        _ => {}
    }
    Ok(())
}

/// Methods that change nothing by their definition; TRACE is left out because it echoes tokens.
fn is_harmless(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Everybody who must be refused; a lower role without a token is a question that stays open.
fn callers(context: &ScanContext, endpoint: &EndpointDocument, into: &mut Observed) -> Vec<(String, Option<String>)> {
    let mut callers =
        vec![("anonymous".to_owned(), None), ("a garbage token".to_owned(), Some(GARBAGE_TOKEN.to_owned()))];
    if context.suite.expired_token.is_some() {
        match context.expired_token() {
            Some(token) => callers.push(("an expired token".to_owned(), Some(token.to_owned()))),
            None => into.undecided.push("the expired token has no value".to_owned()),
        }
    }
    let Some(least) = &endpoint.role else {
        return callers;
    };
    for role in context.suite.roles.iter().take_while(|role| *role != least) {
        match context.token(role) {
            Some(token) => callers.push((format!("role {role}"), Some(token.to_owned()))),
            None => into.undecided.push(format!("role `{role}` has no token")),
        }
    }
    callers
}

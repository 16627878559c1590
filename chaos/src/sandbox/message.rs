//! Questions and answers of the domain name system, as far as faults and their doses need them.

use super::name_fault::NameError;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::io;
use std::net::IpAddr;

/// Name of the record beside an answer that says whose fault made it; resolvers pass over it.
const MARK: &str = "_fault.mettle.invalid.";
/// Seconds for which a wrong address may be remembered.
const TTL: u32 = 1;

/// A question that a component asks.
pub(super) struct Question(Message);

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Response code, by its number.
    pub(crate) code: u16,
    /// Addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// Id of the fault that made it.
    pub(crate) fault: Option<String>,
}

impl Question {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let message = Message::from_vec(bytes).ok()?;
        let is_question = message.metadata.message_type == MessageType::Query && message.queries.len() == 1;
        is_question.then_some(Self(message))
    }

    /// The name in small letters, without the last dot.
    pub(super) fn name(&self) -> String {
        self.0
            .queries
            .first()
            .map(|query| query.name().to_lowercase().to_ascii())
            .unwrap_or_default()
            .trim_end_matches('.')
            .to_owned()
    }

    /// Whether it asks for addresses.
    pub(super) fn is_for_addresses(&self) -> bool {
        self.0.queries.first().is_some_and(|query| matches!(query.query_type(), RecordType::A | RecordType::AAAA))
    }

    /// An answer without help; `None` is none at all.
    pub(super) fn failed(&self, error: NameError, fault: &str) -> Option<Vec<u8>> {
        let code = match error {
            NameError::ServFail => ResponseCode::ServFail,
            NameError::NxDomain => ResponseCode::NXDomain,
            NameError::Refused => ResponseCode::Refused,
            NameError::Drop => return None,
        };
        self.answer(code, None, fault)
    }

    /// An answer with an address of its family, or with none.
    pub(super) fn address(&self, address: IpAddr, fault: &str) -> Option<Vec<u8>> {
        let query = self.0.queries.first()?;
        let data = match (query.query_type(), address) {
            (RecordType::A, IpAddr::V4(address)) => Some(RData::A(A(address))),
            (RecordType::AAAA, IpAddr::V6(address)) => Some(RData::AAAA(AAAA(address))),
            _ => None,
        };
        let record = data.map(|data| Record::from_rdata(query.name().clone(), TTL, data));
        self.answer(ResponseCode::NoError, record, fault)
    }

    fn answer(&self, code: ResponseCode, record: Option<Record>, fault: &str) -> Option<Vec<u8>> {
        let mut answer = Message::response(self.0.metadata.id, self.0.metadata.op_code);
        answer.metadata.recursion_desired = self.0.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.metadata.response_code = code;
        answer.queries = self.0.queries.clone();
        answer.answers.extend(record);
        let mark = RData::TXT(TXT::new(vec![fault.to_owned()]));
        answer.additionals.push(Record::from_rdata(Name::from_ascii(MARK).ok()?, 0, mark));
        answer.to_vec().ok()
    }
}

/// A question for the address of a name, of the family of `like`.
pub(crate) fn ask(id: u16, name: &str, like: Option<IpAddr>) -> io::Result<Vec<u8>> {
    let name = Name::from_ascii(format!("{name}.")).map_err(io::Error::other)?;
    let kind = if like.is_some_and(|address| address.is_ipv6()) { RecordType::AAAA } else { RecordType::A };
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.queries.push(Query::query(name, kind));
    message.to_vec().map_err(io::Error::other)
}

/// Reads the answer to question `id`.
pub(crate) fn read(id: u16, bytes: &[u8]) -> Option<Answer> {
    let message = Message::from_vec(bytes).ok()?;
    if message.metadata.id != id || message.metadata.message_type != MessageType::Response {
        return None;
    }
    let address = |record: &Record| match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    let mark = |record: &Record| match &record.data {
        RData::TXT(text) if record.name.to_ascii() == MARK => Some(text.to_string()),
        _ => None,
    };
    Some(Answer {
        code: message.metadata.response_code.into(),
        addresses: message.answers.iter().filter_map(address).collect(),
        fault: message.additionals.iter().find_map(mark),
    })
}

/// Number of the code that an error of ours says; `None` for silence.
pub(crate) fn code(error: NameError) -> Option<u16> {
    match error {
        NameError::ServFail => Some(ResponseCode::ServFail.into()),
        NameError::NxDomain => Some(ResponseCode::NXDomain.into()),
        NameError::Refused => Some(ResponseCode::Refused.into()),
        NameError::Drop => None,
    }
}

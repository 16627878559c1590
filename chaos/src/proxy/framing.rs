//! Where HTTP/1.1 messages begin and end in a stream of bytes (RFC 9112, sections 2 to 7). Looks, never changes.

/// Longest head that is understood; a longer one makes the connection opaque.
pub(super) const MAX_HEAD: usize = 64 << 10;

/// Longest line of a chunk size or a trailer.
const MAX_LINE: usize = 8 << 10;

/// These bytes are not HTTP/1.1 as we understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotHttp;

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Until the connection ends (responses only).
    UntilEnd,
}

/// What the head of a request says about framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) kind: RequestKind,
    pub(super) framing: Framing,
    /// The client waits for `100 Continue`, or says that this is its last request.
    pub(super) ends_after: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects: bool,
}

/// What a request's method means for the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// Its response has no body.
    Head,
    /// Turns the connection into a tunnel.
    Connect,
    /// Anything else.
    Other,
}

/// Collects a head across chunks.
#[derive(Debug, Default)]
pub(super) struct HeadBuffer(Vec<u8>);

impl HeadBuffer {
    /// Takes bytes up to the end of the head; returns how many, and whether the head is complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let before = self.0.len();
        let from = before.saturating_sub(3);
        self.0.extend_from_slice(bytes);
        match self.0[from..].windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => {
                self.0.truncate(from + at + 4);
                (self.0.len() - before, true)
            }
            None => (bytes.len(), false),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes so far; they stay here too.
    pub(super) fn copy_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Whether the bytes so far can begin a request: a method, a target, HTTP/1.x.
    pub(super) fn may_be_request(&self) -> bool {
        const MAX_METHOD: usize = 32;
        let bytes = &self.0;
        if bytes.len() > MAX_HEAD {
            return false;
        }
        let word = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
        let token = bytes[..word].iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-' || *byte == b'_');
        let line = bytes.windows(2).position(|window| window == b"\r\n");
        token && word <= MAX_METHOD && line.is_none_or(|end| request_line(&bytes[..end]).is_some())
    }

    /// Whether the bytes so far can begin a response.
    pub(super) fn may_be_response(&self) -> bool {
        const START: &[u8] = b"HTTP/1.";
        let seen = self.0.len().min(START.len());
        self.0.len() <= MAX_HEAD && self.0[..seen] == START[..seen]
    }

    /// Reads a complete request head.
    pub(super) fn request(&self) -> Result<RequestHead, NotHttp> {
        let (first, fields) = split_head(&self.0)?;
        let (method, minor) = request_line(first).ok_or(NotHttp)?;
        let mut head = RequestHead {
            kind: match method {
                b"HEAD" => RequestKind::Head,
                b"CONNECT" => RequestKind::Connect,
                _ => RequestKind::Other,
            },
            framing: body_framing(fields)?.unwrap_or(Framing::Length(0)),
            ends_after: minor == b'0',
            expects: false,
        };
        for (name, value) in fields_of(fields) {
            if name.eq_ignore_ascii_case(b"connection") {
                let says = |word: &[u8]| {
                    value.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
                };
                head.ends_after = says(b"close") || (head.ends_after && !says(b"keep-alive"));
            } else if name.eq_ignore_ascii_case(b"expect") {
                head.expects = true;
            }
        }
        Ok(head)
    }

    /// Reads a complete response head: the status, and the framing if fields give one.
    pub(super) fn response(&self) -> Result<(u16, Option<Framing>), NotHttp> {
        let (first, fields) = split_head(&self.0)?;
        let status = first.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(NotHttp)?;
        if !first.starts_with(b"HTTP/1.") || first[8] != b' ' {
            return Err(NotHttp);
        }
        Ok((status.parse().map_err(|_| NotHttp)?, body_framing(fields)?))
    }
}

/// Method and minor version of a request line.
fn request_line(line: &[u8]) -> Option<(&[u8], u8)> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, _target, version) = (words.next()?, words.next()?, words.next()?);
    let minor = *version.strip_prefix(b"HTTP/1.")?.first()?;
    (words.next().is_none() && !method.is_empty()).then_some((method, minor))
}

/// First line, and the fields with the blank line.
fn split_head(head: &[u8]) -> Result<(&[u8], &[u8]), NotHttp> {
    let end = head.windows(2).position(|window| window == b"\r\n").ok_or(NotHttp)?;
    Ok((&head[..end], &head[end + 2..]))
}

fn fields_of(fields: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

fn body_framing(fields: &[u8]) -> Result<Option<Framing>, NotHttp> {
    let mut length = None;
    let mut chunked = false;
    for (name, value) in fields_of(fields) {
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            if !chunked {
                return Err(NotHttp);
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.iter().all(u8::is_ascii_digit);
            let parsed = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            let parsed: u64 = parsed.ok_or(NotHttp)?;
            if length.replace(parsed).is_some_and(|other| other != parsed) {
                return Err(NotHttp);
            }
        }
    }
    Ok(if chunked { Some(Framing::Chunked) } else { length.map(Framing::Length) })
}

/// Follows a body to its end.
#[derive(Debug)]
pub(super) enum Body {
    Length(u64),
    Chunked(Chunked),
    UntilEnd,
}

#[derive(Debug)]
pub(super) enum Chunked {
    Size(Vec<u8>),
    /// Bytes left, with the line end after the data.
    Data(u64),
    Trailer(Vec<u8>),
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(bytes) => Body::Length(bytes),
            Framing::Chunked => Body::Chunked(Chunked::Size(Vec::new())),
            Framing::UntilEnd => Body::UntilEnd,
        }
    }

    /// Takes what belongs to the body; returns how many bytes, and whether the body is complete. `data` gets them
    /// without their framing.
    pub(super) fn take(&mut self, bytes: &[u8], data: Option<&mut Vec<u8>>) -> Result<(usize, bool), NotHttp> {
        let (taken, complete) = match self {
            Body::Chunked(state) => return state.take(bytes, data),
            Body::UntilEnd => (bytes.len(), false),
            Body::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                (taken, *left == 0)
            }
        };
        if let Some(data) = data {
            data.extend_from_slice(&bytes[..taken]);
        }
        Ok((taken, complete))
    }
}

impl Chunked {
    fn take(&mut self, bytes: &[u8], mut data: Option<&mut Vec<u8>>) -> Result<(usize, bool), NotHttp> {
        let mut at = 0;
        while at < bytes.len() {
            match self {
                Chunked::Data(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    if let Some(data) = &mut data {
                        let without_line_end = usize::try_from(*left - 2.min(*left)).unwrap_or(usize::MAX);
                        data.extend_from_slice(&bytes[at..at + taken.min(without_line_end)]);
                    }
                    *left -= taken as u64;
                    at += taken;
                    if *left == 0 {
                        *self = Chunked::Size(Vec::new());
                    }
                }
                Chunked::Size(line) => {
                    let (taken, complete) = take_line(line, &bytes[at..])?;
                    at += taken;
                    if complete {
                        let size = chunk_size(line)?;
                        *self = if size == 0 { Chunked::Trailer(Vec::new()) } else { Chunked::Data(size + 2) };
                    }
                }
                Chunked::Trailer(line) => {
                    let (taken, complete) = take_line(line, &bytes[at..])?;
                    at += taken;
                    if complete && line == b"\r\n" {
                        return Ok((at, true));
                    }
                    if complete {
                        line.clear();
                    }
                }
            }
        }
        Ok((at, false))
    }
}

fn take_line(line: &mut Vec<u8>, bytes: &[u8]) -> Result<(usize, bool), NotHttp> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let taken = end.map_or(bytes.len(), |end| end + 1);
    line.extend_from_slice(&bytes[..taken]);
    if line.len() > MAX_LINE { Err(NotHttp) } else { Ok((taken, end.is_some())) }
}

fn chunk_size(line: &[u8]) -> Result<u64, NotHttp> {
    const MAX_CHUNK: u64 = 1 << 60; // keeps the sum with the line end in range
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(digits).map_err(|_| NotHttp)?;
    let size = u64::from_str_radix(text, 16).map_err(|_| NotHttp)?;
    if size > MAX_CHUNK { Err(NotHttp) } else { Ok(size) }
}

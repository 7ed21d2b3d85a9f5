//! Reads the event stream that passes.

use serde_json::Value;

/// An event of a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct SseEvent {
    pub(crate) kind: String,
    pub(crate) id: Option<i64>,
    /// JSON, or the text that is none.
    pub(crate) data: Value,
}

/// Takes the bytes of a stream as they come.
#[derive(Debug, Default)]
pub(crate) struct SseReader {
    /// What is no whole line yet.
    rest: Vec<u8>,
    kind: String,
    id: Option<i64>,
    data: Option<String>,
    begun: bool,
    /// The last byte was the CR of a line end.
    after_cr: bool,
}

impl SseReader {
    /// The events that end in these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for &byte in bytes {
            let was_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if was_cr => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.rest);
                    events.extend(self.line(&line));
                }
                _ => self.rest.push(byte),
            }
        }
        events
    }

    fn line(&mut self, line: &[u8]) -> Option<SseEvent> {
        let line = String::from_utf8_lossy(line);
        let line = match std::mem::replace(&mut self.begun, true) {
            true => &*line,
            false => line.trim_start_matches('\u{feff}'),
        };
        if line.is_empty() {
            let (kind, id) = (std::mem::take(&mut self.kind), self.id.take());
            let data = self.data.take()?;
            return Some(SseEvent {
                kind: if kind.is_empty() {
                    "message".to_owned()
                } else {
                    kind
                },
                id,
                data: serde_json::from_str(&data).unwrap_or(Value::String(data)),
            });
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.kind = value.to_owned(),
            "id" => self.id = value.parse().ok(),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_read_from_pieces() {
        let text = "\u{feff}: hello\r\nid: 7\r\nevent: thought\r\ndata: {\"text\":\r\ndata: \"é\"}\r\n\r\ndata: plain\n\nevent: cut\ndata: 1\n";
        for size in [1, 3, 1000] {
            let mut reader = SseReader::default();
            let events: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| reader.feed(piece))
                .collect();
            let thought = SseEvent {
                kind: "thought".to_owned(),
                id: Some(7),
                data: json!({"text": "é"}),
            };
            let plain = SseEvent {
                kind: "message".to_owned(),
                id: None,
                data: json!("plain"),
            };
            assert_eq!(events, [thought, plain]);
        }
    }
}

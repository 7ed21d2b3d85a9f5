//! A second decoder, to compare with: the properties and the fuzz target use it.

/// Type, data, own id and last id of an event.
pub(crate) type Event = (String, String, Option<String>, String);

/// The standard's algorithm in its own words, for whole streams: slow and
/// simple on purpose.
pub(crate) fn by_the_book(bytes: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut data, mut event) = (Vec::new(), String::new(), String::new());
    let (mut last_id, mut own_id) = (String::new(), None);
    // What follows the last line end is no line.
    let ended = text.rfind('\n').map_or("", |end| &text[..=end]);
    for line in ended.split_terminator('\n') {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                let name = if event.is_empty() { "message" } else { &event };
                events.push((
                    name.to_owned(),
                    data.to_owned(),
                    own_id.clone(),
                    last_id.clone(),
                ));
            }
            data.clear();
            event.clear();
            own_id = None;
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => data.extend([value, "\n"]),
            "event" => event = value.to_owned(),
            "id" if !value.contains('\0') => {
                last_id = value.to_owned();
                own_id = Some(last_id.clone());
            }
            _ => {}
        }
    }
    events
}

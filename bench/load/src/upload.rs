//! Counting the bytes of an uploaded file, without keeping them.

/// What is kept of the end: more than the last boundary has.
const KEPT: usize = 512;
const BOUNDARY: &[u8] = b"\r\n--";

/// A form as it comes in, whose last part is the file.
#[derive(Debug, Default)]
pub(crate) struct FilePart {
    /// Until the file begins.
    head: Vec<u8>,
    begun: bool,
    bytes: usize,
    tail: Vec<u8>,
}

impl FilePart {
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        if self.begun {
            return self.count(piece);
        }
        self.head.extend_from_slice(piece);
        let named = find(&self.head, b"filename");
        let Some(start) = named.and_then(|at| Some(at + find(&self.head[at..], b"\r\n\r\n")? + 4))
        else {
            return;
        };
        self.begun = true;
        let rest = self.head.split_off(start);
        self.count(&rest);
    }

    fn count(&mut self, piece: &[u8]) {
        self.bytes += piece.len();
        self.tail
            .extend_from_slice(&piece[piece.len().saturating_sub(KEPT)..]);
        self.tail.drain(..self.tail.len().saturating_sub(KEPT));
    }

    /// The file's bytes: all from its begin to the last boundary.
    pub(crate) fn size(&self) -> Option<usize> {
        let boundary = self
            .tail
            .windows(BOUNDARY.len())
            .rposition(|window| window == BOUNDARY)?;
        Some(self.bytes - (self.tail.len() - boundary))
    }
}

/// Takes the chunks of a body apart.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// Bytes of this chunk that are still to come, its line end included.
    left: usize,
    pub(crate) over: bool,
}

impl Chunks {
    /// Feeds what it can of these bytes and gives how many it took; `None` where that is no chunk.
    pub(crate) fn take(&mut self, bytes: &[u8], file: &mut FilePart) -> Option<usize> {
        let mut rest = bytes;
        while !self.over {
            if self.left > 2 {
                let (piece, others) = rest.split_at(rest.len().min(self.left - 2));
                file.feed(piece);
                self.left -= piece.len();
                rest = others;
            }
            if self.left > 2 || rest.len() < self.left {
                break;
            }
            rest = &rest[self.left..];
            self.left = 0;
            let Some(end) = find(rest, b"\r\n") else {
                break;
            };
            let line = std::str::from_utf8(&rest[..end]).ok()?;
            match usize::from_str_radix(line, 16).ok()? {
                // The empty line after the last chunk comes with it.
                0 if rest.len() < end + 4 => break,
                0 => {
                    rest = &rest[end + 4..];
                    self.over = true;
                }
                size => {
                    rest = &rest[end + 2..];
                    self.left = size + 2;
                }
            }
        }
        Some(bytes.len() - rest.len())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n\
--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n\r\n--12345\r\n--b--\r\n";

    #[test]
    fn the_file_is_counted_however_it_is_cut() {
        for step in 1..FORM.len() {
            let mut file = FilePart::default();
            FORM.chunks(step).for_each(|piece| file.feed(piece));
            assert_eq!(file.size(), Some(b"\r\n--12345".len()), "{step}");
        }
    }

    #[test]
    fn chunks_are_taken_apart_however_they_are_cut() {
        let mut body = Vec::new();
        for piece in FORM.chunks(17) {
            body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            body.extend_from_slice(piece);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\nGET");
        for step in 1..body.len() {
            let (mut file, mut chunks, mut buffer) =
                (FilePart::default(), Chunks::default(), Vec::new());
            for piece in body.chunks(step) {
                buffer.extend_from_slice(piece);
                let taken = chunks.take(&buffer, &mut file);
                buffer.drain(..taken.expect("chunks"));
            }
            assert!(chunks.over);
            assert_eq!(file.size(), Some(9), "{step}");
            assert_eq!(buffer, b"GET");
        }
        let other = Chunks::default().take(b"xyz\r\n", &mut FilePart::default());
        assert_eq!(other, None);
    }
}

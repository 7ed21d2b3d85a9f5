//! A small body that inflates to a large one.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};

/// How many blanks one block of it becomes.
const BLOCK: usize = 1 << 20;
/// The head of a gzip file: deflated, without a name or a time.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The empty block that ends it.
const LAST: [u8; 2] = [3, 0];

/// A gzip file of `size` blanks, about a thousandth of it. It is whole: a reader that has the patience gets all of them.
pub(super) fn gzip(size: u64) -> Result<Bytes, String> {
    let unmade = || "the gzip file could not be made".to_owned();
    let (blocks, rest) = (size / BLOCK as u64, size % BLOCK as u64);
    let blanks = vec![b' '; BLOCK];
    let rest = usize::try_from(rest)
        .ok()
        .and_then(|rest| blanks.get(..rest))
        .ok_or_else(unmade)?;
    let (block, end) = (
        deflate(&blanks).ok_or_else(unmade)?,
        deflate(rest).ok_or_else(unmade)?,
    );
    let mut sum = Crc::new();
    let mut of_block = Crc::new();
    of_block.update(&blanks);
    let mut file = HEAD.to_vec();
    for _ in 0..blocks {
        file.extend_from_slice(&block);
        sum.combine(&of_block);
    }
    sum.update(rest);
    file.extend_from_slice(&end);
    file.extend_from_slice(&LAST);
    file.extend_from_slice(&sum.sum().to_le_bytes());
    // The size's last 32 bits, as gzip has it.
    file.extend_from_slice(&(size as u32).to_le_bytes());
    Ok(file.into())
}

/// The bytes as blocks that need nothing before them, and that others can follow.
fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut deflated = Vec::with_capacity(bytes.len() / 100 + 1024);
    Compress::new(Compression::best(), false)
        .compress_vec(bytes, &mut deflated, FlushCompress::Full)
        .ok()?;
    Some(deflated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn it_inflates_to_its_size_and_is_small() {
        for size in [0, 1, BLOCK as u64 - 1, BLOCK as u64, 5 * BLOCK as u64 + 7] {
            let file = gzip(size).unwrap();
            assert!(file.len() as u64 <= size / 500 + 200, "{}", file.len());
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&*file)
                .read_to_end(&mut inflated)
                .unwrap();
            assert_eq!(inflated.len() as u64, size);
        }
    }
}

//! Screenshots: a data URL in, an image and its size out
//! (docs/spec/agi.md, section 4.14).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::meaning;

/// A picture of the session's browser.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Screenshot {
    /// The encoded image.
    #[serde(skip)]
    pub image: Bytes,
    /// `image/jpeg` as a rule.
    pub mime_type: String,
    /// Pixels; 0 if the image does not say.
    pub width: u32,
    /// Pixels; 0 if the image does not say.
    pub height: u32,
    /// The page shown.
    pub url: String,
    /// The page's title.
    pub title: String,
}

/// Reads the response to `GET .../screenshot`.
pub(crate) fn parse(body: &[u8]) -> std::result::Result<Screenshot, String> {
    let bad = |why: &str| format!("the screenshot cannot be read: {why}");
    let text = meaning::decoded(body);
    // As it stands in the text: a picture is large.
    let (mut screenshot, mut url, mut title) = (None, None, None);
    let is_json = meaning::each_member(&text, |name, value| match &*name.read() {
        "screenshot" => screenshot = Some(value),
        "url" => url = Some(value),
        "title" => title = Some(value),
        _ => {}
    });
    let screenshot = is_json
        .and_then(|()| meaning::unquoted(screenshot?))
        .ok_or_else(|| bad(&why_no_screenshot(body)))?;
    let words = |value: Option<&str>| {
        let words = value.and_then(meaning::unquoted);
        words.unwrap_or_default().into_owned()
    };
    let (head, text) = match screenshot.split_once(',') {
        Some((head, text)) if head.starts_with("data:") => (Some(head), text),
        _ => (None, &*screenshot),
    };
    // As a browser reads it: with or without padding, in one line or many. Most come
    // in the strict form, which is read faster.
    let image = base64_simd::STANDARD
        .decode_to_vec(text)
        .or_else(|_| base64_simd::forgiving_decode_to_vec(text.as_bytes()))
        .map_err(|_| bad("its image is no base64"))?;
    let declared = head
        .and_then(|head| head.strip_prefix("data:"))
        .and_then(|head| head.split(';').next())
        .filter(|mime| mime.contains('/'));
    let mime_type = match (sniff(&image), declared) {
        (Some(mime), _) => mime.to_owned(),
        (None, Some(mime)) => mime.to_owned(),
        (None, None) => "image/jpeg".to_owned(),
    };
    let (width, height) = dimensions(&image).unwrap_or((0, 0));
    Ok(Screenshot {
        image: image.into(),
        mime_type,
        width,
        height,
        url: words(url),
        title: words(title),
    })
}

/// What the strict parser says of an answer that has no picture.
fn why_no_screenshot(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "screenshot")]
        _screenshot: String,
    }
    match meaning::from_bytes::<Answer>(body) {
        Ok(_) => "it holds no picture".to_owned(),
        Err(error) => error.to_string(),
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

const JPEG: &[u8] = b"\xff\xd8\xff";

fn sniff(image: &[u8]) -> Option<&'static str> {
    if image.starts_with(PNG) {
        Some("image/png")
    } else if image.starts_with(JPEG) {
        Some("image/jpeg")
    } else {
        None
    }
}

/// Width and height from a PNG header or a JPEG's frame header.
fn dimensions(image: &[u8]) -> Option<(u32, u32)> {
    if image.starts_with(PNG) {
        let word = |at: usize| Some(u32::from_be_bytes(image.get(at..at + 4)?.try_into().ok()?));
        return Some((word(16)?, word(20)?));
    }
    if !image.starts_with(JPEG) {
        return None;
    }
    let half = |at: usize| Some(u16::from_be_bytes(image.get(at..at + 2)?.try_into().ok()?));
    let mut at = 2;
    loop {
        if *image.get(at)? != 0xff {
            return None;
        }
        match *image.get(at + 1)? {
            // Fill bytes and markers without a length.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            // Every start of frame, progressive ones included; C4, C8 and CC
            // are tables.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((u32::from(half(at + 7)?), u32::from(half(at + 5)?)));
            }
            0xd9 | 0xda => return None,
            _ => at += 2 + usize::from(half(at + 2)?),
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use serde_json::json;

    use super::*;

    fn answer(screenshot: &str) -> Vec<u8> {
        json!({"screenshot": screenshot, "url": "https://shop.example/cart", "title": "Your cart"})
            .to_string()
            .into_bytes()
    }

    fn of_image(image: &[u8]) -> Screenshot {
        let data_url = format!("data:image/jpeg;base64,{}", STANDARD.encode(image));
        parse(&answer(&data_url)).expect("a screenshot")
    }

    /// A JPEG's beginning: two tables, fill bytes, a frame header of this kind.
    fn jpeg(frame: u8, width: u16, height: u16) -> Vec<u8> {
        let mut image = vec![0xff, 0xd8, 0xff, 0xe0, 0, 6, b'J', b'F', b'I', b'F'];
        // A table whose content looks like a frame header.
        image.extend([0xff, 0xc4, 0, 12, 0xff, 0xc0, 0, 8, 8, 9, 9, 9, 9, 0]);
        image.extend([0xff, 0xff, 0xff, frame, 0, 11, 8]);
        image.extend(height.to_be_bytes());
        image.extend(width.to_be_bytes());
        image.extend([1, 1, 0x11, 0, 0xff, 0xda, 0, 2, 0xff, 0xd9]);
        image
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut image = PNG.to_vec();
        image.extend([0, 0, 0, 13]);
        image.extend(b"IHDR");
        image.extend(width.to_be_bytes());
        image.extend(height.to_be_bytes());
        image.extend([8, 2, 0, 0, 0]);
        image
    }

    #[test]
    fn a_data_url() {
        let image = jpeg(0xc0, 1280, 720);
        let shot = of_image(&image);
        assert_eq!(shot.image, image);
        assert_eq!(shot.mime_type, "image/jpeg");
        assert_eq!((shot.width, shot.height), (1280, 720));
        assert_eq!(shot.url, "https://shop.example/cart");
        assert_eq!(shot.title, "Your cart");
    }

    #[test]
    fn every_kind_of_jpeg_frame_has_a_size() {
        for frame in 0xc0..=0xcf {
            let expected = match frame {
                0xc4 | 0xc8 | 0xcc => (0, 0),
                _ => (640, 480),
            };
            let shot = of_image(&jpeg(frame, 640, 480));
            assert_eq!((shot.width, shot.height), expected, "{frame:#x}");
        }
        let shot = of_image(&jpeg(0xc2, u16::MAX, 1));
        assert_eq!((shot.width, shot.height), (65_535, 1));
    }

    #[test]
    fn a_png_by_its_first_bytes() {
        let shot = of_image(&png(800, 70_000));
        assert_eq!(shot.mime_type, "image/png");
        assert_eq!((shot.width, shot.height), (800, 70_000));
    }

    #[test]
    fn base64_without_a_data_url_and_without_padding() {
        for image in [
            jpeg(0xc0, 10, 20),
            png(10, 20),
            [jpeg(0xc0, 10, 20), vec![0]].concat(),
        ] {
            for text in [
                STANDARD.encode(&image),
                STANDARD_NO_PAD.encode(&image),
                format!("\n {} \n", STANDARD.encode(&image)),
                STANDARD
                    .encode(&image)
                    .chars()
                    .fold(String::new(), |lines, c| lines + &format!("{c}\r\n")),
                format!("data:;base64,{}", STANDARD.encode(&image)),
                format!(
                    "data:image/x;charset=utf-8;base64, {}",
                    STANDARD_NO_PAD.encode(&image)
                ),
            ] {
                let shot = parse(&answer(&text)).expect("a screenshot");
                assert_eq!(shot.image, image, "{text}");
                assert_eq!((shot.width, shot.height), (10, 20));
                assert!(["image/jpeg", "image/png"].contains(&shot.mime_type.as_str()));
            }
        }
    }

    #[test]
    fn an_image_of_another_kind_keeps_its_declared_type() {
        let text = format!(
            "data:image/webp;base64,{}",
            STANDARD.encode(b"RIFF1234WEBP")
        );
        let shot = parse(&answer(&text)).expect("a screenshot");
        assert_eq!(shot.mime_type, "image/webp");
        assert_eq!((shot.width, shot.height), (0, 0));
        // Its bytes may look like a frame header.
        let text = STANDARD.encode([0, 0, 0xff, 0xc0, 0, 8, 8, 0, 1, 0, 1]);
        let shot = parse(&answer(&text)).expect("a screenshot");
        assert_eq!((shot.width, shot.height), (0, 0));
    }

    #[test]
    fn an_image_that_is_cut_anywhere_has_its_size_or_none() {
        for (image, size) in [
            (jpeg(0xc2, 640, 480), (640, 480)),
            (png(640, 480), (640, 480)),
        ] {
            for end in 0..image.len() {
                let shot = of_image(&image[..end]);
                let found = (shot.width, shot.height);
                assert!(
                    found == (0, 0) || found == size,
                    "{found:?} after {end} bytes"
                );
            }
        }
    }

    #[test]
    fn any_bytes_do_no_harm() {
        let mut seed = 1_u32;
        for length in 0..300 {
            let mut image = vec![0xff, 0xd8, 0xff];
            image.extend((0..length).map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Many markers, many lengths of 0.
                match seed >> 30 {
                    0 => 0xff,
                    1 => 0,
                    _ => (seed >> 16) as u8,
                }
            }));
            assert_eq!(of_image(&image).mime_type, "image/jpeg");
        }
    }

    #[test]
    fn an_answer_that_is_no_screenshot() {
        for body in [
            "not json",
            "{}",
            "[]",
            r#"{"screenshot": null}"#,
            r#"{"screenshot": 5}"#,
            r#"{"screenshot": "this is not base64!"}"#,
            r#"{"screenshot": "data:image/jpeg;base64,%%%"}"#,
            r#"{"screenshot": "data:image/jpeg;base64"}"#,
            r#"{"screenshot": "data:image/svg+xml,<svg/>"}"#,
            r#"{"screenshot": "aGFsZ"}"#,
        ] {
            let error = parse(body.as_bytes()).expect_err(body);
            assert!(error.contains("screenshot"), "{error}");
        }
    }

    #[test]
    fn url_and_title_may_be_missing_and_escapes_are_read() {
        let image = STANDARD.encode(jpeg(0xc0, 1, 1)).replace('/', "\\/");
        for (rest, title) in [
            ("", ""),
            (r#", "url": null, "title": null"#, ""),
            (r#", "title": "\u00e9""#, "é"),
        ] {
            let body = format!(r#"{{"screenshot": "{image}", "new": 1{rest}}}"#);
            let shot = parse(body.as_bytes()).expect("a screenshot");
            assert_eq!((shot.url.as_str(), shot.title.as_str()), ("", title));
            assert_eq!((shot.width, shot.height), (1, 1));
        }
    }

    #[test]
    fn the_json_of_a_screenshot_has_no_image() {
        let json = serde_json::to_value(of_image(&jpeg(0xc0, 3, 4))).expect("JSON");
        assert_eq!(
            json,
            json!({
                "mime_type": "image/jpeg", "width": 3, "height": 4,
                "url": "https://shop.example/cart", "title": "Your cart",
            })
        );
    }
}

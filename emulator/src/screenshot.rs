//! The built-in page view: the page drawn as a picture that a person can read.

use crate::page::{Page, Style};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jpeg_encoder::{ColorType, Encoder};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;
const MARGIN: usize = 40;
const BAR: usize = 96;
const QUALITY: u8 = 85;

type Colour = [u8; 3];

const WHITE: Colour = [255, 255, 255];
const TAB: Colour = [222, 225, 230];
const CHROME: Colour = [241, 243, 244];
const LINE: Colour = [208, 212, 217];
const DARK: Colour = [32, 33, 36];
const GREY: Colour = [95, 99, 104];
const GREEN: Colour = [17, 117, 54];
const BLUE: Colour = [26, 95, 203];
const RED: Colour = [178, 38, 30];

/// A picture as the API sends it: `data:image/jpeg;base64,...`.
pub(crate) fn data_url(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))
}

pub(crate) fn jpeg(page: &Page) -> Vec<u8> {
    let canvas = draw(page);
    let mut bytes = Vec::new();
    // The size and the layout of the pixels are constants, so there is nothing here that can fail.
    if let Err(error) = Encoder::new(&mut bytes, QUALITY).encode(
        &canvas.pixels,
        WIDTH as u16,
        HEIGHT as u16,
        ColorType::Rgb,
    ) {
        tracing::error!(%error, "encoding a screenshot failed");
    }
    bytes
}

/// Size and weight of a text.
#[derive(Debug, Clone, Copy)]
struct Font {
    weight: FontWeight,
    size: RasterHeight,
}

const BODY: Font = Font {
    weight: FontWeight::Regular,
    size: RasterHeight::Size20,
};
const BOLD: Font = Font {
    weight: FontWeight::Bold,
    size: RasterHeight::Size20,
};

impl Font {
    fn width(self) -> usize {
        get_raster_width(self.weight, self.size)
    }

    fn height(self) -> usize {
        self.size.val()
    }
}

fn draw(page: &Page) -> Canvas {
    let mut canvas = Canvas::new();
    let title = if page.title.is_empty() {
        "Untitled"
    } else {
        &page.title
    };
    let (title, url) = if page.url.is_empty() {
        ("New tab", "")
    } else {
        (title, page.url.as_str())
    };

    // A tab with the title, and the address below it.
    canvas.fill(0, 0, WIDTH, 44, TAB);
    canvas.fill(16, 8, 640, 36, CHROME);
    canvas.line_of_text(32, 16, BOLD, DARK, &shorten(title, 48));
    canvas.fill(0, 44, WIDTH, BAR - 44, CHROME);
    canvas.line_of_text(24, 59, BOLD, GREY, "<  >");
    canvas.fill(96, 51, WIDTH - 136, 36, LINE);
    canvas.fill(97, 52, WIDTH - 138, 34, WHITE);
    canvas.line_of_text(112, 59, BODY, DARK, &shorten(url, 92));
    canvas.fill(0, BAR - 1, WIDTH, 1, LINE);

    let mut top = BAR + 24;
    if page.url.is_empty() {
        canvas.line_of_text(MARGIN, top, BOLD, GREY, "No page is open yet");
        canvas.line_of_text(
            MARGIN,
            top + 56,
            BODY,
            GREY,
            "Navigate to a page, or send a task with a start_url.",
        );
    } else if page.blocks.is_empty() {
        canvas.line_of_text(MARGIN, top, BOLD, GREY, "This page has no text");
    }
    let mut first_heading = true;
    for block in &page.blocks {
        let (font, colour, indent) = match block.style {
            Style::Heading if std::mem::take(&mut first_heading) => {
                (BOLD, if page.problem.is_some() { RED } else { DARK }, 0)
            }
            Style::Heading => (BOLD, DARK, 0),
            Style::Price => (BOLD, GREEN, 0),
            Style::Button => (BODY, BLUE, 12),
            Style::Text => (BODY, GREY, 0),
        };
        let above = if block.style == Style::Heading { 10 } else { 0 };
        let columns = (WIDTH - 2 * MARGIN - indent) / font.width();
        let lines = wrap(&block.text, columns);
        top += above;
        if block.style == Style::Button && top + 34 < HEIGHT {
            let width = lines.first().map_or(0, |line| line.chars().count()) * font.width() + 24;
            canvas.fill(MARGIN, top - 2, width, 30, BLUE);
            canvas.fill(MARGIN + 1, top - 1, width - 2, 28, WHITE);
            canvas.line_of_text(
                MARGIN + indent,
                top + 3,
                font,
                colour,
                lines.first().map_or("", String::as_str),
            );
            top += 38;
            continue;
        }
        for line in lines.iter().take(4) {
            if top + font.height() > HEIGHT - 12 {
                return canvas;
            }
            canvas.line_of_text(MARGIN + indent, top, font, colour, line);
            top += font.height() + 6;
        }
        top += 4;
    }
    canvas
}

/// Cuts a text to a number of characters.
fn shorten(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars()
        .take(columns - 3)
        .chain("...".chars())
        .collect()
}

/// Breaks a text into lines between words, or within a word that is longer than a line.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + word.len() > columns {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        while word.len() > columns {
            lines.push(word.drain(..columns).collect());
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        length += word.len();
        line.extend(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

struct Canvas {
    pixels: Vec<u8>,
}

impl Canvas {
    fn new() -> Self {
        Self {
            pixels: vec![255; WIDTH * HEIGHT * 3],
        }
    }

    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: Colour) {
        for y in top..(top + height).min(HEIGHT) {
            for x in left..(left + width).min(WIDTH) {
                self.blend(x, y, colour, 255);
            }
        }
    }

    /// Mixes a colour into a pixel; what lies outside the picture is left out.
    fn blend(&mut self, x: usize, y: usize, colour: Colour, strength: u8) {
        if x >= WIDTH || y >= HEIGHT {
            return;
        }
        let at = (y * WIDTH + x) * 3;
        let strength = u32::from(strength);
        for (pixel, colour) in self.pixels[at..at + 3].iter_mut().zip(colour) {
            let mixed = (u32::from(*pixel) * (255 - strength) + u32::from(colour) * strength) / 255;
            *pixel = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
    }

    fn line_of_text(&mut self, left: usize, top: usize, font: Font, colour: Colour, text: &str) {
        let mut x = left;
        for c in text.chars() {
            self.character(x, top, font, colour, c);
            x += font.width();
        }
    }

    fn character(&mut self, left: usize, top: usize, font: Font, colour: Colour, c: char) {
        let c = match c {
            '\u{2018}' | '\u{2019}' | '\u{201a}' => '\'',
            '\u{201c}' | '\u{201d}' | '\u{201e}' => '"',
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            '\u{2022}' => '·',
            '\u{2026}' => '~',
            '\u{a0}' | '\u{2009}' | '\u{202f}' => ' ',
            other => other,
        };
        if c == '€' {
            // The font has no euro sign: a C with two bars is one.
            self.character(left, top, font, colour, 'C');
            self.character(
                left.saturating_sub(font.width() / 6),
                top,
                font,
                colour,
                '=',
            );
            return;
        }
        match get_raster(c, font.weight, font.size) {
            Some(glyph) => {
                for (y, row) in glyph.rows().enumerate() {
                    for (x, strength) in row
                        .iter()
                        .enumerate()
                        .filter(|(_, strength)| **strength > 0)
                    {
                        self.blend(left + x, top + y, colour, *strength);
                    }
                }
            }
            // A sign the font does not have is an empty box.
            None => {
                let (width, height) = (font.width() - 3, font.height() * 3 / 5);
                let y = top + font.height() / 5;
                self.fill(left + 1, y, width, 1, colour);
                self.fill(left + 1, y + height, width, 1, colour);
                self.fill(left + 1, y, 1, height, colour);
                self.fill(left + width, y, 1, height, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("  ", 4), Vec::<String>::new());
        assert_eq!(shorten("abcdef", 5), "ab...");
    }

    #[test]
    fn different_pages_are_different_pictures() {
        let page = |url: &str| {
            jpeg(&Page {
                url: url.to_owned(),
                title: "€ Ünï".to_owned(),
                ..Page::default()
            })
        };
        let (a, b) = (page("http://h/a"), page("http://h/b"));
        assert_eq!(&a[..3], [0xff, 0xd8, 0xff]);
        assert_eq!(&a[a.len() - 2..], [0xff, 0xd9]);
        assert_ne!(a, b);
    }
}

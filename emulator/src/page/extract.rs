//! From HTML to what is on the page.

use super::model::{Block, Content, Field, Form, Link, Page, Price, Style};
use super::price::{self, Found};
use scraper::node::Element;
use scraper::{Html, Node};
use std::collections::HashSet;
use url::Url;

const HEADINGS: usize = 30;
const LINKS: usize = 50;
const PRICES: usize = 50;
const FORMS: usize = 10;
const FIELDS: usize = 30;
const BLOCKS: usize = 2_000;
/// Texts longer than this are cut.
const TEXT: usize = 200;

/// Elements whose content nobody sees.
const INVISIBLE: [&str; 9] = [
    "script", "style", "noscript", "template", "svg", "head", "iframe", "object", "select",
];
/// Elements that run along in a line of text; all others start a block of their own.
const INLINE: [&str; 27] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "font", "i", "ins", "kbd",
    "label", "mark", "meta", "q", "small", "span", "strong", "sub", "sup", "time", "u", "var",
    "wbr",
];
/// Elements whose prices do not apply any more.
const STRUCK: [&str; 3] = ["del", "s", "strike"];
/// Words that stand beside a price without naming what it is for.
const LABELS: [&str; 37] = [
    "price", "prices", "our", "from", "only", "now", "was", "total", "sale", "cost", "costs",
    "per", "each", "incl", "excl", "vat", "tax", "rrp", "special", "offer", "add", "to", "cart",
    "basket", "buy", "preis", "ab", "nur", "prix", "precio", "the", "is", "for", "at", "a", "just",
    "regular",
];

/// A run of text with the elements it stands in.
struct Run {
    text: String,
    style: Style,
    /// The elements around it, from the outside in, by their number in the document.
    path: Vec<usize>,
    /// Marked as a product's name (`itemprop="name"`, a class such as `product-title`).
    name: bool,
    /// An amount that the markup names (`itemprop="price"`, `data-price`).
    marked: Option<(String, String)>,
    /// Inside `<del>`: readable, but not a price.
    struck: bool,
}

/// What is being collected while walking down the document.
#[derive(Default)]
struct Walk {
    runs: Vec<Run>,
    text: String,
    path: Vec<usize>,
    elements: usize,
    heading: usize,
    struck: usize,
    button: usize,
    names: usize,
    marked: Option<(String, String)>,
    title: String,
    headings: Vec<String>,
    links: Vec<Link>,
    seen: HashSet<(String, String)>,
    forms: Vec<Form>,
    /// Forms are nested in nothing but their elements: the index of the open one.
    form: Option<usize>,
    link: Option<(String, usize)>,
    page_currency: String,
}

/// Reads a page.
pub(super) fn page(url: &Url, html: &str) -> Page {
    let document = Html::parse_document(html);
    let base = base(&document, url);
    let mut walk = Walk::default();
    walk.document(&document, &base);
    let prices = prices(&walk.runs, &walk.page_currency);
    let blocks = walk.runs.into_iter().map(|run| Block {
        text: run.text,
        style: run.style,
    });
    Page {
        url: url.to_string(),
        title: walk.title,
        blocks: blocks.take(BLOCKS).collect(),
        content: Content {
            headings: walk.headings,
            links: walk.links,
            prices,
            forms: walk.forms,
        },
        ..Page::default()
    }
}

/// What relative addresses are relative to.
fn base(document: &Html, url: &Url) -> Url {
    let named = document.tree.values().find_map(|node| match node {
        Node::Element(element) if element.name() == "base" => element.attr("href"),
        _ => None,
    });
    named
        .and_then(|href| url.join(href).ok())
        .unwrap_or_else(|| url.clone())
}

impl Walk {
    fn document(&mut self, document: &Html, base: &Url) {
        use ego_tree::iter::Edge;
        let mut hidden = 0_usize;
        // Without recursion: a page may nest deeper than a stack goes.
        for edge in document.tree.root().traverse() {
            match edge {
                Edge::Open(node) => match node.value() {
                    Node::Element(element) if hidden > 0 || is_hidden(element) => {
                        hidden += 1;
                        self.head(element, &node);
                        if element.name() == "select" {
                            self.field(element);
                        }
                    }
                    Node::Element(element) => self.open(element, base),
                    Node::Text(text) if hidden == 0 => self.text(text),
                    _ => {}
                },
                Edge::Close(node) => {
                    if let Node::Element(element) = node.value() {
                        if hidden > 0 {
                            hidden -= 1;
                        } else {
                            self.close(element);
                        }
                    }
                }
            }
        }
        self.flush();
    }

    /// The little that counts in the head.
    fn head(&mut self, element: &Element, node: &ego_tree::NodeRef<'_, Node>) {
        let text = || {
            node.children()
                .filter_map(|child| child.value().as_text().map(|text| text.to_string()))
                .collect::<String>()
        };
        match element.name() {
            "title" if self.title.is_empty() => self.title = cut(&squeeze(&text())),
            "meta" => self.meta(element),
            _ => {}
        }
    }

    fn meta(&mut self, element: &Element) {
        let name = element
            .attr("property")
            .or_else(|| element.attr("itemprop"))
            .unwrap_or_default();
        if matches!(
            name,
            "product:price:currency" | "og:price:currency" | "priceCurrency"
        ) {
            self.page_currency = price::currency_name(element.attr("content").unwrap_or_default());
        }
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn open(&mut self, element: &Element, base: &Url) {
        let tag = element.name();
        self.elements += 1;
        // A struck or marked price is a run of its own, however it is laid out.
        if !INLINE.contains(&tag) || STRUCK.contains(&tag) || marked_amount(element).is_some() {
            self.flush();
        }
        self.path.push(self.elements);
        self.heading += usize::from(is_heading(tag));
        self.struck += usize::from(STRUCK.contains(&tag));
        self.button += usize::from(tag == "button");
        self.names += usize::from(is_name(element));
        match tag {
            "a" => {
                let target = element
                    .attr("href")
                    .filter(|href| !href.starts_with('#'))
                    .and_then(|href| base.join(href).ok());
                let target = target.filter(|url| matches!(url.scheme(), "http" | "https"));
                self.link = target.map(|url| (url.to_string(), self.text.len()));
                let label = element.attr("aria-label").or_else(|| element.attr("title"));
                if let (Some(_), Some(label)) = (&self.link, label) {
                    self.add_link(label);
                }
            }
            "img" => {
                if let Some(text) = element.attr("alt") {
                    self.add_link(text);
                }
            }
            "form" => {
                let action = base
                    .join(element.attr("action").unwrap_or_default())
                    .map_or_else(|_| base.to_string(), |url| url.to_string());
                let method = element
                    .attr("method")
                    .filter(|method| !method.is_empty())
                    .unwrap_or("get")
                    .to_uppercase();
                self.form = (self.forms.len() < FORMS).then_some(self.forms.len());
                if self.form.is_some() {
                    self.forms.push(Form {
                        action,
                        method,
                        fields: Vec::new(),
                    });
                }
            }
            "input" | "textarea" | "button" => self.field(element),
            "meta" => self.meta(element),
            _ => {}
        }
        if let Some((amount, currency)) = marked_amount(element) {
            self.marked = Some((amount, currency));
            if tag == "meta" {
                self.flush();
            }
        }
    }

    fn close(&mut self, element: &Element) {
        let tag = element.name();
        if tag == "a" {
            if let Some((_, start)) = &self.link {
                let text = squeeze(self.text.get(*start..).unwrap_or_default());
                self.add_link(&text);
            }
            self.link = None;
        }
        if !INLINE.contains(&tag) || STRUCK.contains(&tag) || marked_amount(element).is_some() {
            self.flush();
        }
        self.path.pop();
        self.heading -= usize::from(is_heading(tag)).min(self.heading);
        self.struck -= usize::from(STRUCK.contains(&tag)).min(self.struck);
        self.button -= usize::from(tag == "button").min(self.button);
        self.names -= usize::from(is_name(element)).min(self.names);
        if tag == "form" {
            self.form = None;
        }
    }

    /// Ends the run of text.
    fn flush(&mut self) {
        let raw = std::mem::take(&mut self.text);
        if let Some((_, start)) = &mut self.link {
            // What a link has in this run names it; it may go on in the next one.
            let start = std::mem::take(start);
            self.add_link(raw.get(start..).unwrap_or_default());
        }
        let text = squeeze(&raw);
        let marked = self.marked.take();
        if text.is_empty() && marked.is_none() {
            return;
        }
        if self.heading > 0 && self.headings.len() < HEADINGS {
            self.headings.push(cut(&text));
        }
        let style = match () {
            () if self.heading > 0 => Style::Heading,
            () if self.button > 0 => Style::Button,
            () if !price::find(&text).is_empty() && self.struck == 0 => Style::Price,
            () => Style::Text,
        };
        if self.runs.len() < BLOCKS {
            self.runs.push(Run {
                text,
                style,
                path: self.path.clone(),
                name: self.names > 0,
                marked,
                struck: self.struck > 0,
            });
        }
    }

    fn add_link(&mut self, text: &str) {
        let text = cut(&squeeze(text));
        let Some((url, _)) = &self.link else { return };
        let link = (text, url.clone());
        let known = self.seen.contains(&link);
        if !link.0.is_empty() && self.links.len() < LINKS && !known {
            self.links.push(Link {
                text: link.0.clone(),
                url: link.1.clone(),
            });
            self.seen.insert(link);
        }
    }

    fn field(&mut self, element: &Element) {
        let kind = match element.name() {
            "input" => element.attr("type").unwrap_or("text").to_lowercase(),
            other => other.to_owned(),
        };
        let Some(name) = element
            .attr("name")
            .or_else(|| element.attr("id"))
            .filter(|name| !name.is_empty())
        else {
            return;
        };
        if let Some(form) = self.form.and_then(|index| self.forms.get_mut(index))
            && form.fields.len() < FIELDS
        {
            form.fields.push(Field {
                name: cut(name),
                kind,
            });
        }
    }
}

fn is_hidden(element: &Element) -> bool {
    let tag = element.name();
    INVISIBLE.contains(&tag) || element.attr("hidden").is_some()
}

fn is_heading(tag: &str) -> bool {
    matches!(tag, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

fn is_name(element: &Element) -> bool {
    let named = |class: &str| {
        let class = class.to_ascii_lowercase();
        [
            "title",
            "name",
            "product-title",
            "product-name",
            "product_title",
            "product_name",
            "item-name",
            "item-title",
            "card-title",
        ]
        .contains(&class.as_str())
    };
    element.attr("itemprop") == Some("name") || element.classes().any(named)
}

/// The amount and currency that an element's attributes name.
fn marked_amount(element: &Element) -> Option<(String, String)> {
    let is_price = element.attr("itemprop") == Some("price");
    let value = element.attr("data-price").or_else(|| {
        is_price
            .then(|| element.attr("content").or_else(|| element.attr("value")))
            .flatten()
    })?;
    let found = price::find(value).into_iter().next();
    let currency = element.attr("data-currency").map(price::currency_name);
    let (amount, sign) = match found {
        Some(Found {
            amount, currency, ..
        }) => (amount, currency.to_owned()),
        None if value.trim().starts_with(|c: char| c.is_ascii_digit()) => {
            (price::amount(value)?, String::new())
        }
        None => return None,
    };
    Some((amount, currency.unwrap_or(sign)))
}

/// The prices of a page, each with what it is for.
fn prices(runs: &[Run], page_currency: &str) -> Vec<Price> {
    let mut all: Vec<Price> = Vec::new();
    let found: Vec<Vec<Found>> = runs
        .iter()
        .map(|run| {
            if run.struck {
                Vec::new()
            } else {
                price::find(&run.text)
            }
        })
        .collect();
    let priced: Vec<bool> = runs
        .iter()
        .zip(&found)
        .map(|(run, found)| run.marked.is_some() || !found.is_empty())
        .collect();
    for (index, run) in runs.iter().enumerate() {
        let mut of_run: Vec<(usize, Price)> = Vec::new();
        if let Some((amount, currency)) = &run.marked {
            let shown = found[index].first();
            let sign = shown.map(|found| found.currency.to_owned());
            let currency = [
                currency.clone(),
                sign.unwrap_or_default(),
                page_currency.to_owned(),
            ];
            let currency = currency
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or_default();
            let at = shown.map_or(run.text.len(), |found| found.start);
            of_run.push((
                at,
                Price {
                    text: String::new(),
                    price: amount.clone(),
                    currency,
                },
            ));
        } else {
            of_run.extend(found[index].iter().map(|found| {
                (
                    found.start,
                    Price {
                        text: String::new(),
                        price: found.amount.clone(),
                        currency: found.currency.to_owned(),
                    },
                )
            }));
        }
        let mut begin = 0;
        for (position, (at, mut price)) in of_run.into_iter().enumerate() {
            let own = words(run.text.get(begin..at).unwrap_or_default());
            begin = found[index].get(position).map_or(at, |found| found.end);
            let behind = found[index]
                .get(position + 1)
                .map_or(run.text.len(), |next| next.start);
            price.text = own
                .or_else(|| {
                    (found[index].len() == 1)
                        .then(|| words(run.text.get(begin..behind).unwrap_or_default()))
                        .flatten()
                })
                .or_else(|| name_nearby(runs, &priced, index))
                .unwrap_or_default();
            // Markup and text often say the same price twice.
            let twin = all.iter().position(|other| {
                let unnamed = other.currency.is_empty() || price.currency.is_empty();
                other.text == price.text
                    && other.price == price.price
                    && (unnamed || other.currency == price.currency)
            });
            match twin {
                Some(twin) if all[twin].currency.is_empty() => all[twin].currency = price.currency,
                Some(_) => {}
                None if all.len() < PRICES => all.push(price),
                None => return all,
            }
        }
    }
    all
}

/// What a price is for, by the texts around it: in the smallest element that holds another text.
fn name_nearby(runs: &[Run], priced: &[bool], index: usize) -> Option<String> {
    let path = &runs[index].path;
    for depth in (1..path.len()).rev() {
        let inside = |run: &Run| run.path.get(depth - 1) == Some(&path[depth - 1]);
        let first = (0..=index)
            .rev()
            .take_while(|&other| inside(&runs[other]))
            .last()
            .unwrap_or(index);
        let last = (index..runs.len())
            .take_while(|&other| inside(&runs[other]))
            .last()
            .unwrap_or(index);
        let named = |&other: &usize| {
            other != index
                && runs[other].style != Style::Button
                && !runs[other].struck
                && words(&runs[other].text).is_some()
        };
        let candidates: Vec<usize> = (first..=last).filter(named).collect();
        let prices = (first..=last).filter(|&other| priced[other]).count();
        let plain = |&&other: &&usize| !priced[other];
        let best = if prices == 1 {
            let marked = candidates.iter().find(|&&other| runs[other].name);
            let heading = || {
                candidates
                    .iter()
                    .find(|&&other| runs[other].style == Style::Heading)
            };
            marked.or_else(heading)
        } else {
            // Several products: the nearest name above belongs to this one.
            candidates.iter().rev().find(|&&other| {
                other < index && (runs[other].name || runs[other].style == Style::Heading)
            })
        };
        let near = || {
            candidates
                .iter()
                .rev()
                .filter(plain)
                .find(|&&other| other < index)
        };
        let after = || {
            candidates
                .iter()
                .filter(plain)
                .find(|&&other| other > index)
        };
        if let Some(&other) = best.or_else(near).or_else(after) {
            return words(&runs[other].text);
        }
    }
    None
}

/// A text as a name: without the labels that only say "price". `None` when nothing else is there.
fn words(text: &str) -> Option<String> {
    let is_label = |word: &str| {
        let word: String = word
            .chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
            .to_lowercase();
        word.is_empty() || LABELS.contains(&word.as_str())
    };
    if text.split_whitespace().all(is_label) || !text.chars().any(char::is_alphabetic) {
        return None;
    }
    let mut all: Vec<&str> = text.split_whitespace().collect();
    while all.last().is_some_and(|word| is_label(word)) {
        all.pop();
    }
    let name = all.join(" ");
    let name = name.trim_matches(|c: char| c.is_whitespace() || ":–—-|,;•·=".contains(c));
    Some(name.chars().take(100).collect())
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(text: &str) -> String {
    if text.chars().count() <= TEXT {
        return text.to_owned();
    }
    text.chars()
        .take(TEXT - 1)
        .chain(std::iter::once('…'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> Page {
        page(&Url::parse("http://shop.example/a/b?c").unwrap(), html)
    }

    fn prices_of(html: &str) -> Vec<(String, String, String)> {
        read(html)
            .content
            .prices
            .into_iter()
            .map(|price| (price.text, price.price, price.currency))
            .collect()
    }

    fn price(text: &str, price: &str, currency: &str) -> (String, String, String) {
        (text.to_owned(), price.to_owned(), currency.to_owned())
    }

    #[test]
    fn title_headings_links_and_forms_are_found() {
        let page = read(
            r##"<title> Mug
              shop </title><h1>Mugs &amp; more</h1><script>var x = "€ 5"</script>
              <nav><a href="/cart">Your <b>cart</b></a> <a href="#top">Top</a> <a href="mailto:x@y">Mail</a>
              <a href="c.html"><img alt="A mug"></a><a href="/cart">Your cart</a></nav>
              <form action="/search" method="post"><input name="q"><input type="hidden" name="t"><select name="s"><option>x</select>
              <textarea name="note"></textarea><button>Go</button></form>"##,
        );
        assert_eq!(page.title, "Mug shop");
        assert_eq!(page.content.headings, ["Mugs & more"]);
        let links: Vec<_> = page
            .content
            .links
            .iter()
            .map(|link| (link.text.as_str(), link.url.as_str()))
            .collect();
        assert_eq!(
            links,
            [
                ("Your cart", "http://shop.example/cart"),
                ("A mug", "http://shop.example/a/c.html")
            ]
        );
        let form = &page.content.forms[0];
        assert_eq!(
            (form.action.as_str(), form.method.as_str()),
            ("http://shop.example/search", "POST")
        );
        let fields: Vec<_> = form
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.kind.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("q", "text"),
                ("t", "hidden"),
                ("s", "select"),
                ("note", "textarea")
            ]
        );
        assert_eq!(page.content.prices, []);
    }

    #[test]
    fn prices_are_named_by_what_is_near() {
        let mug = [price("Blue mug", "12.50", "EUR")];
        for html in [
            "<li>Blue mug – € 12.50</li>",
            "<p>Blue mug: 12,50 € <button>Add to cart</button></p>",
            "<p>EUR 12.50 for the<br></p><h3>Blue mug</h3>",
            "<table><tr><td>Blue mug<td>€ 12.50</table>",
            "<dl><dt>Blue mug</dt><dd>Price: <span>€</span><span>12.50</span></dd></dl>",
            "<div class=card><img alt=x><h3>Blue mug</h3><p>Made in Delft</p><div><b>€12.50</b><button>Add to cart</button></div></div>",
            "<div><span class=price>€12.50</span><div class='product-title'>Blue mug</div><p>Nice</p></div>",
            "<div><h3>Blue mug</h3><del>€ 15.00</del> <span>now € 12.50</span></div>",
            "<div itemscope><span itemprop=name>Blue mug</span><meta itemprop=priceCurrency content=EUR><span itemprop=price content=12.50>12,50</span></div>",
            "<div data-price='12.50' data-currency='EUR'>Blue mug</div>",
        ] {
            assert_eq!(prices_of(html), mug, "{html}");
        }
    }

    #[test]
    fn each_product_of_a_list_has_its_own_price() {
        let both = [
            price("Blue mug", "12.50", "EUR"),
            price("Red plate", "1299.00", "$"),
        ];
        for html in [
            "<ul><li>Blue mug € 12.50<li>Red plate $1,299.00</ul>",
            "<dl><dt>Blue mug<dd>€ 12.50<dt>Red plate<dd>$1,299.00</dl>",
            "<table><tr><th>Item<th>Price<tr><td>Blue mug<td>€ 12.50<tr><td>Red plate<td>$1,299.00</table>",
            "<article><h2>Blue mug</h2><p>€ 12.50</p></article><article><h2>Red plate</h2><p>$1,299.00</p></article>",
            "<p>Blue mug € 12.50, Red plate $1,299.00</p>",
            "<div><h2>Blue mug</h2><p>Old</p><p>€ 12.50</p><h2>Red plate</h2><p>New</p><p>$1,299.00</p></div>",
        ] {
            assert_eq!(prices_of(html), both, "{html}");
        }
    }

    #[test]
    fn a_deep_page_is_read_without_a_deep_stack() {
        let page = read(&format!("{}€ 5 mug", "<div>".repeat(5_000)));
        assert_eq!(page.content.prices[0].price, "5");
    }
}

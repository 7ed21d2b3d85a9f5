// What a screen reader and a keyboard need, and the theme does not say.
function mend() {
  let count = 0;
  for (const nav of document.querySelectorAll("nav.md-code__nav")) {
    count += 1;
    nav.setAttribute("aria-label", `Code ${count}`);
  }
  // A class may be named like the section that it stands in.
  for (const contents of document.querySelectorAll(".md-nav--secondary")) {
    const seen = new Map();
    for (const nav of contents.querySelectorAll("nav")) {
      nav.dataset.heading ??= nav.getAttribute("aria-label");
      const label = `On this page: ${nav.dataset.heading}`;
      const times = (seen.get(label.toLowerCase()) ?? 0) + 1;
      seen.set(label.toLowerCase(), times);
      nav.setAttribute("aria-label", times === 1 ? label : `${label} (${times})`);
    }
  }
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
    wide.setAttribute("tabindex", "0");
  }
}
mend();
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });

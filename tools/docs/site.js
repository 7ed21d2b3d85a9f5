// What a screen reader and a keyboard need, and the theme does not say.
function mend() {
  let count = 0;
  for (const nav of document.querySelectorAll("nav.md-code__nav")) {
    count += 1;
    nav.setAttribute("aria-label", `Code ${count}`);
  }
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
    wide.setAttribute("tabindex", "0");
  }
}
mend();
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });

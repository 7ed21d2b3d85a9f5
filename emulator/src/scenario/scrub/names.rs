//! Names that say that their value is a secret, and what stands for it.

/// What stands for a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// As an expression, for the name before `=` or `:` in a text; its letters may be of any case.
pub(super) const IN_TEXTS: &str = r"(?:[\w.-]*(?:api(?:[ _:-]|%3A|%5F)?key|access[ _-]?key|client[ _-]?secret|passphrase|passwd|password|passcode|passwort|kennwort|secret|token|cvv)[\w.-]*|(?:[\w.-]*[_.-])?(?:pwd|pin|otp|cvc|senha|contraseña)|[\w.-]*[_.-]key|[a-z]+(?-i:Key|Pin|Pwd))";

/// Parameters of a query or a form whose value is a secret, beside those whose name says so.
pub(super) const PARAMETERS: &str = "appid|assertion|auth|authorization|code|jsessionid|jwt|key|pass|phpsessid|pw|samlresponse|session|session_?id|\
    sid|sig|signature|state|ticket|x-amz-credential|x-amz-signature|x-goog-credential|x-goog-signature";

/// Parts of a name that say so.
const PARTS: [&str; 12] = [
    "apikey",
    "authorization",
    "credential",
    "cvv",
    "kennwort",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "secret",
    "token",
];

/// Words of a name that say so: in other words the letters mean nothing.
const WORDS: [&str; 21] = [
    "auth",
    "bearer",
    "contraseña",
    "cookie",
    "cookies",
    "csrf",
    "cvc",
    "jwt",
    "key",
    "keys",
    "otp",
    "pass",
    "pin",
    "pincode",
    "pins",
    "pw",
    "pwd",
    "senha",
    "setcookie",
    "signature",
    "vncurl",
];

/// Parts of a name whose value somebody chose: a plain word may be it.
const CHOSEN: [&str; 10] = [
    "apikey",
    "contraseña",
    "kennwort",
    "pass",
    "pw",
    "secret",
    "senha",
    "credential",
    "passwort",
    "vncurl",
];

/// Members that name the member beside them, as in `{"name": "password", "value": "..."}`.
pub(super) const NAMING: [&str; 6] = ["name", "field", "key", "header", "label", "param"];
/// Those that they name.
pub(super) const NAMED: [&str; 4] = ["value", "val", "text", "content"];

/// Whether a name says that its value is a secret: `user_password`, `apiToken`, `card-pin`.
pub(super) fn is_secret(name: &str) -> bool {
    let words = words(name);
    let whole = words.concat();
    PARTS.iter().any(|part| whole.contains(part))
        || WORDS.contains(&&*whole)
        || words.iter().any(|word| WORDS.contains(&&**word))
}

/// The same for a parameter of a query or a form, which means more by some names.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let listed =
        |known: &str| known.replace("_?", "_") == lower || known.replace("_?", "") == lower;
    is_secret(name) || PARAMETERS.split('|').any(listed)
}

/// The same for a header of HTTP, but for those whose value is one of the protocol, a count, or an id.
pub(super) fn is_secret_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let of_http = ["access-control-", "sec-", "www-", "proxy-auth"];
    let of_others = [
        "idempotency-key",
        "ratelimit",
        "rate-limit",
        "tokens",
        "cache",
        "surrogate",
    ];
    is_secret(&lower)
        && !of_http.iter().any(|begin| lower.starts_with(begin))
        && !of_others.iter().any(|part| lower.contains(part))
}

/// Whether the value under that name is a word of somebody's choice, and not one of a protocol.
pub(super) fn is_chosen(name: &str) -> bool {
    let whole = words(name).concat();
    CHOSEN.iter().any(|part| whole.contains(part))
}

/// Whether the name says no more than `key`, which is also one of a keyboard, of a list or of a file.
pub(super) fn is_any_key(name: &str) -> bool {
    ["key", "keys"].contains(&&*name.to_ascii_lowercase())
}

/// Whether the name is of a session: what it says is used as a name elsewhere.
pub(super) fn is_of_session(name: &str) -> bool {
    let whole = words(name).concat();
    ["session", "sessionid", "sid"].contains(&&*whole)
}

/// Whether a number under that name may be a count.
pub(super) fn is_counted(name: &str, number: &serde_json::Number) -> bool {
    let lower = name.to_lowercase();
    // So many tokens; so many tests that pass.
    lower.contains("tokens")
        || ["pass", "pw"].contains(&&*lower) && number.as_f64().is_some_and(|count| count < 1000.0)
}

/// The words of a name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && before.is_lowercase() || !c.is_alphanumeric();
        if begins {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

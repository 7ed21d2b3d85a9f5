//! A saved profile: the browser's folder, and what a browser does not write to it.

use super::folder::Folder;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// What a session's browser leaves behind for another. Dropping it removes its folder.
#[derive(Debug)]
pub(super) struct Profile {
    folder: Folder,
    /// The cookies that end with the browser, as parameters to set them again.
    cookies: Vec<Value>,
    /// Where the session storage belongs, and its items.
    storage: Option<(String, Map<String, Value>)>,
}

impl Profile {
    pub(super) fn new(folder: Folder, cookies: &Value, storage: &Value) -> Self {
        let cookies = cookies.as_array().into_iter().flatten();
        let items = storage["items"]
            .as_object()
            .filter(|items| !items.is_empty());
        Self {
            folder,
            cookies: cookies
                .filter(|cookie| cookie["session"] == true)
                .map(to_set)
                .collect(),
            storage: storage["origin"]
                .as_str()
                .map(str::to_owned)
                .zip(items.cloned()),
        }
    }

    /// The browser's folder.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("p")
    }

    pub(super) fn cookies(&self) -> &[Value] {
        &self.cookies
    }

    /// What puts the session storage back when its page is opened.
    pub(super) fn session_storage_script(&self) -> Option<String> {
        let (origin, items) = self.storage.as_ref()?;
        let (origin, items) = (json!(origin), json!(items));
        Some(format!(
            "if (location.origin === {origin} && sessionStorage.length === 0) \
             for (const [name, value] of Object.entries({items})) sessionStorage.setItem(name, value);"
        ))
    }
}

/// A cookie as `Storage.getCookies` tells it, as `Storage.setCookies` takes it.
fn to_set(cookie: &Value) -> Value {
    let mut parameters = Map::new();
    for name in [
        "name",
        "value",
        "path",
        "secure",
        "httpOnly",
        "sameSite",
        "priority",
        "partitionKey",
    ] {
        if let Some(value) = cookie.get(name) {
            parameters.insert(name.to_owned(), value.clone());
        }
    }
    let domain = cookie["domain"].as_str().unwrap_or_default();
    if domain.starts_with('.') {
        parameters.insert("domain".to_owned(), domain.into());
    } else {
        // A cookie of one host only is set by an address, not by a domain.
        let scheme = if cookie["secure"] == true {
            "https"
        } else {
            "http"
        };
        parameters.insert("url".to_owned(), format!("{scheme}://{domain}/").into());
    }
    parameters.into()
}

/// What a browser leaves behind for a later session: its profile.
#[derive(Debug, Clone, Default)]
pub(crate) struct SavedProfile(pub(super) Option<Arc<Profile>>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_goes_back_to_the_hosts_it_came_from() {
        let cookie = |domain: &str, secure: bool| {
            to_set(
                &json!({"name": "n", "value": "v", "domain": domain, "path": "/p", "secure": secure,
                "session": true, "size": 2, "expires": -1, "httpOnly": true}),
            )
        };
        assert_eq!(
            cookie(".shop.example", false),
            json!({"name": "n", "value": "v", "path": "/p", "secure": false, "httpOnly": true, "domain": ".shop.example"})
        );
        assert_eq!(cookie("127.0.0.1", false)["url"], "http://127.0.0.1/");
        assert_eq!(cookie("h.example", true)["url"], "https://h.example/");
        assert_eq!(cookie("h.example", true)["domain"], Value::Null);
    }
}

//! A request by `sessionwire`, over TLS.

use sessionwire::agi::Client;
use sessionwire::{ClientConfig, ClientOptions, Secret};

/// Lists the sessions of the service at `url`.
pub async fn request(url: &str, ca_file: &str) -> sessionwire::Result<()> {
    let mut options = ClientOptions::default();
    options.api_key = Some(Secret::new("a key"));
    options.base_url = Some(url.to_owned());
    options.ca_file = Some(ca_file.to_owned());
    let client = Client::new(ClientConfig::resolve(options)?)?;
    client.sessions().list().await?;
    Ok(())
}

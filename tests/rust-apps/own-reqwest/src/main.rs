//! A program with its own reqwest, which has no default features, that also uses
//! `sessionwire`.

use std::error::Error;

#[path = "../../ours.rs"]
mod ours;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::var("TLS_PORT")?.parse()?;
    let ca_file = std::env::var("TLS_CA_FILE")?;
    let url = format!("https://localhost:{port}");
    ours::request(&url, &ca_file).await?;
    // Panics where reqwest's rustls has no provider. It trusts the authority by
    // `SSL_CERT_FILE`.
    let response = reqwest::Client::new()
        .get(format!("{url}/own"))
        .send()
        .await?;
    assert_eq!(response.status(), 200);
    Ok(ours::request(&url, &ca_file).await?)
}

//! A program that speaks TLS by rustls itself, with what rustls takes by its
//! features, and also uses `sessionwire`.

use std::error::Error;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[path = "ours.rs"]
mod ours;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::var("TLS_PORT")?.parse()?;
    let ca_file = std::env::var("TLS_CA_FILE")?;
    ours::request(&format!("https://localhost:{port}"), &ca_file).await?;
    assert!(
        CryptoProvider::get_default().is_none(),
        "a provider was installed for the whole process"
    );
    own_request(port, &ca_file).await?;
    Ok(ours::request(&format!("https://localhost:{port}"), &ca_file).await?)
}

async fn own_request(port: u16, ca_file: &str) -> Result<(), Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file)? {
        roots.add(certificate?)?;
    }
    // Panics where rustls has more than one provider, or none.
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(("localhost", port)).await?;
    let mut socket = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost")?, socket)
        .await?;
    socket
        .write_all(b"GET /own HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut status = [0; 12];
    socket.read_exact(&mut status).await?;
    assert_eq!(&status[8..], b" 200");
    Ok(())
}

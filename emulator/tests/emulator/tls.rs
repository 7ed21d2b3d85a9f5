//! TLS: a certificate of its own, and one from files.

use crate::support::*;
use rustls_for_tests::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/certificates");

/// What the tests need of a client of TLS.
mod rustls_for_tests {
    use super::*;
    #[cfg(feature = "aws-lc-rs")]
    use rustls::crypto::aws_lc_rs as crypto;
    #[cfg(not(feature = "aws-lc-rs"))]
    use rustls::crypto::ring as crypto;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use std::sync::Arc;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    /// Connects, and trusts this file alone.
    pub(super) async fn connect(
        ca_file: &Path,
        address: &str,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca_file).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(crypto::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let socket = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, socket)
            .await
    }
}

fn with_tls() -> Options {
    Options {
        tls: true,
        ..quick()
    }
}

/// Host and port of an address.
fn address(emulator: &Emulator) -> &str {
    emulator.url().strip_prefix("https://").unwrap()
}

fn port(emulator: &Emulator) -> u16 {
    address(emulator)
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap()
}

/// One request over TLS; all that came, and how it ended.
async fn ask(emulator: &Emulator, ca_file: &Path, head: &str) -> (String, std::io::Result<()>) {
    let local = format!("127.0.0.1:{}", port(emulator));
    let mut stream = connect(ca_file, &local, "localhost").await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let ended = within(stream.read_to_end(&mut bytes)).await;
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        ended.map(drop),
    )
}

fn get(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\nconnection: close\r\n\r\n"
    )
}

#[tokio::test]
async fn its_own_certificate_holds_for_each_name_it_answers_to() {
    let emulator = start(Options {
        allow_hosts: vec!["build-server.example".to_owned(), "192.168.7.7".to_owned()],
        public_url: Some("https://abc.forwarder.example".to_owned()),
        ..with_tls()
    })
    .await;
    let ca_file = emulator.ca_file().unwrap();
    let address = address(&emulator);
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "build-server.example",
        "192.168.7.7",
        "abc.forwarder.example",
    ] {
        let stream = connect(ca_file, address, name).await;
        let stream = stream.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let refused = connect(ca_file, address, "other.example")
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("not valid for name"),
        "{refused}"
    );
    // Another emulator has another authority.
    let other = start(with_tls()).await;
    let refused = connect(other.ca_file().unwrap(), address, "localhost").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn every_address_that_it_tells_is_one_of_https() {
    let site = Site::start(|_| (204, Vec::new(), Vec::new())).await;
    let emulator = start(Options {
        control: true,
        ..with_tls()
    })
    .await;
    let ca_file = emulator.ca_file().unwrap();
    let own = emulator.url();
    assert!(own.starts_with("https://127.0.0.1:"), "{own}");
    for url in [
        emulator.raccoon_url(),
        emulator.live_url(),
        &emulator.control_url().unwrap(),
    ] {
        assert!(url.starts_with(own), "{url}");
    }
    let body = json!({ "webhook_url": site.url }).to_string();
    let create = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (answer, ended) = ask(&emulator, ca_file, &create).await;
    ended.expect("TLS is closed as it should be");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let created: Value = serde_json::from_str(body).unwrap();
    let live = created["vnc_url"].as_str().unwrap();
    assert!(live.starts_with(&format!("{own}/live/")), "{live}");
    let told = eventually(|| async { site.received().first().cloned() }).await;
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["session"]["vnc_url"], live);
    // Its own page may press, one that was loaded without TLS may not.
    let path = live.strip_prefix(own).unwrap();
    for (scheme, status) in [("https", "200 OK"), ("http", "403 Forbidden")] {
        let press = format!(
            "POST {path}cancel HTTP/1.1\r\nhost: localhost\r\norigin: {scheme}://localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        let (answer, _) = ask(&emulator, ca_file, &press).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_client_without_tls_is_told_to_use_it() {
    let emulator = start(with_tls()).await;
    let mut socket = TcpStream::connect(address(&emulator)).await.unwrap();
    socket
        .write_all(get("/v1/sessions").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    within(socket.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head} {body}"
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert!(
        body["detail"].as_str().unwrap().contains("write https://"),
        "{body}"
    );
}

#[tokio::test]
async fn a_cut_is_seen_as_one() {
    let emulator = start(with_tls()).await;
    for text in [
        "list close_after_bytes=1",
        "list cut_after_bytes=1",
        "list reset",
    ] {
        emulator.fail(fault(text)).unwrap();
        let (_, ended) = ask(&emulator, emulator.ca_file().unwrap(), &get("/v1/sessions")).await;
        ended.expect_err(text);
    }
}

#[tokio::test]
async fn the_file_of_its_authority_goes_with_it_unless_it_was_named() {
    let emulator = start(with_tls()).await;
    let world = emulator.world(None).unwrap();
    let file = emulator.ca_file().unwrap().to_owned();
    assert_eq!(world.ca_file(), Some(&*file));
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("BEGIN CERTIFICATE")
    );
    emulator.close().await;
    assert!(!file.exists() && !file.parent().unwrap().exists());

    let folder = folder("authority");
    let named = folder.join("ca.pem");
    let mut before = String::new();
    // A second start takes the first one's place.
    for _ in 0..2 {
        let emulator = start(Options {
            tls_ca: Some(named.clone()),
            ..quick()
        })
        .await;
        assert_eq!(emulator.ca_file(), Some(&*named));
        let (answer, _) = ask(&emulator, &named, &get("/v1/sessions")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        emulator.close().await;
        let now = std::fs::read_to_string(&named).unwrap();
        assert_ne!(now, before);
        before = now;
    }
    std::fs::write(&named, "the certificates of my company").unwrap();
    let refused = Emulator::start(Options {
        tls_ca: Some(named.clone()),
        ..quick()
    });
    let refused = refused.await.unwrap_err().to_string();
    assert!(
        refused.contains("ca.pem`, which holds something else"),
        "{refused}"
    );
    assert_eq!(
        std::fs::read_to_string(&named).unwrap(),
        "the certificates of my company"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sessionwire-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn of_files(cert: &str, key: &str) -> Options {
    let file = |name: &str| Some(Path::new(CERTIFICATES).join(name));
    Options {
        tls_cert: file(cert),
        tls_key: file(key),
        ..quick()
    }
}

/// Its address has a name for which the certificate holds.
#[tokio::test]
async fn a_certificate_of_ones_own_is_shown() {
    let emulator = start(of_files("localhost.pem", "localhost.key")).await;
    assert!(
        emulator.url().starts_with("https://localhost:"),
        "{}",
        emulator.url()
    );
    assert_eq!(emulator.ca_file(), None);
    let authority = Path::new(CERTIFICATES).join("ca.pem");
    let (answer, _) = ask(&emulator, &authority, &get("/v1/sessions")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn options_that_cannot_be_used_say_what_to_do() {
    let with = |change: fn(&mut Options)| {
        let mut options = of_files("localhost.pem", "localhost.key");
        change(&mut options);
        options
    };
    let files = [
        (
            with(|options| options.tls_key = None),
            "tls_cert needs the certificate's key: set tls_key",
        ),
        (
            with(|options| options.tls_cert = None),
            "tls_key is the key of tls_cert: set that",
        ),
        (with(|options| options.tls = true), "use one of them"),
        (
            with(|options| options.tls_ca = Some("ca.pem".into())),
            "use one of them",
        ),
        (
            of_files("none.pem", "localhost.key"),
            "none.pem`, which cannot be read",
        ),
        (of_files("README.md", "localhost.key"), "tls_cert is"),
        (
            of_files("README.md", "localhost.key"),
            "no certificate in PEM",
        ),
        (
            of_files("localhost.pem", "README.md"),
            "no private key in PEM",
        ),
        (
            of_files("localhost.pem", "own.key"),
            "tls_key is not the key of tls_cert",
        ),
        (
            Options {
                allow_hosts: vec!["bücher.example".to_owned()],
                ..with_tls()
            },
            "no certificate can be made",
        ),
    ];
    for (options, why) in files {
        let error = Emulator::start(options).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

/// Makes a certificate of its own for these names, valid for these days from today, and writes it with its key.
fn written(folder: &Path, names: &[&str], days: std::ops::Range<i64>) -> Options {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let today = rcgen::date_time_ymd(1970, 1, 1) + since.unwrap();
    let at = |days: i64| {
        let span = std::time::Duration::from_secs(days.unsigned_abs() * 86_400);
        if days < 0 { today - span } else { today + span }
    };
    (params.not_before, params.not_after) = (at(days.start), at(days.end));
    let key = rcgen::KeyPair::generate().unwrap();
    let (cert_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert_file, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    Options {
        tls_cert: Some(cert_file),
        tls_key: Some(key_file),
        ..quick()
    }
}

/// A test of such a certificate may be wanted, so it is shown; but nobody has to guess why clients refuse it.
#[tokio::test]
async fn a_certificate_that_clients_refuse_is_warned_of() {
    let folder = folder("refused-certificate");
    let both = ["localhost", "127.0.0.1"];
    for (names, days, says) in [
        (&both[..], -1..30, &[][..]),
        (&both[..1], -1..30, &[]),
        (
            &both[..],
            -30..-1,
            &["tls_cert", "cert.pem", "expired on", "make a new one"],
        ),
        (&both[..], 1..30, &["tls_cert", "is not valid before"]),
        (
            &["other.example"],
            -1..30,
            &["127.0.0.1", "other.example", "allow_hosts"],
        ),
    ] {
        let emulator = start(written(&folder, names, days.clone())).await;
        let warnings = emulator.warnings();
        assert_eq!(
            warnings.len(),
            usize::from(!says.is_empty()),
            "{names:?} {days:?}: {warnings:?}"
        );
        for part in says {
            assert!(warnings[0].contains(part), "{part}: {warnings:?}");
        }
    }
    // Not by itself, but by what stands behind it.
    let sound = written(&folder, &both, -1..30);
    let (cert, key) = (
        sound.tls_cert.clone().unwrap(),
        sound.tls_key.clone().unwrap(),
    );
    let (first, its_key) = (
        std::fs::read_to_string(&cert).unwrap(),
        std::fs::read(&key).unwrap(),
    );
    let expired = written(&folder, &["authority.example"], -30..-1);
    let behind = std::fs::read_to_string(expired.tls_cert.unwrap()).unwrap();
    std::fs::write(&cert, format!("{first}{behind}")).unwrap();
    std::fs::write(&key, its_key).unwrap();
    let chained = start(sound).await;
    let warnings = chained.warnings();
    assert!(
        warnings[0].contains("(number 2) that expired on"),
        "{warnings:?}"
    );
    // For clients alone.
    let mut params = rcgen::CertificateParams::new(both.map(str::to_owned)).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let pair = rcgen::KeyPair::generate().unwrap();
    let options = written(&folder, &both, -1..30);
    std::fs::write(&cert, params.self_signed(&pair).unwrap().pem()).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    let warnings = start(options).await.warnings().to_vec();
    assert!(warnings[0].contains("serverAuth"), "{warnings:?}");
    // Its own one needs no warning.
    assert!(start(with_tls()).await.warnings().is_empty());
    // A name is of no use on an address that it does not lead to.
    let elsewhere = start(Options {
        host: "127.0.0.2".to_owned(),
        ..written(&folder, &["localhost"], -1..30)
    })
    .await;
    assert!(
        elsewhere.warnings()[0].contains("127.0.0.2"),
        "{:?}",
        elsewhere.warnings()
    );
    std::fs::remove_dir_all(folder).unwrap();
}

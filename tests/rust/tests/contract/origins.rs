//! Where a key goes.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sessionwire_tests::contract;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const SERVERS: [&str; 6] = ["service", "stranger", "proxy", "secure", "own", "socks"];
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../certificates");

/// What one server answers, and the heads that it received.
struct Server {
    port: u16,
    answers: Value,
    body: String,
    frames: Vec<String>,
    heads: Mutex<Vec<String>>,
}

impl Server {
    fn received(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads.iter().map(|head| first_line(head)).collect()
    }

    async fn serve(self: Arc<Self>, listener: TcpListener, name: &'static str) {
        let tls = match name {
            "secure" => Some(acceptor("localhost")),
            "own" => Some(acceptor("own")),
            _ => None,
        };
        while let Ok((socket, _)) = listener.accept().await {
            let (server, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    _ if name == "socks" => server.relay(socket).await,
                    // A client that does not trust the certificate hangs up.
                    Some(tls) => match tls.accept(socket).await {
                        Ok(socket) => server.answer(socket).await,
                        Err(_) => Ok(()),
                    },
                    None => server.answer(socket).await,
                }
            });
        }
    }

    async fn answer(&self, mut socket: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await?);
        }
        let head = String::from_utf8(head).expect("a head is a text");
        let line = first_line(&head);
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length = field("content-length: ").map_or(0, |length| length.parse().unwrap());
        // Closed with something unread, a connection is reset.
        socket.read_exact(&mut vec![0; length]).await?;
        let socket_key = field("sec-websocket-key: ").map(str::to_owned);
        self.heads.lock().unwrap().push(head);
        let (method, target) = line.split_once(' ').expect("a method and a target");
        let answer = &self.answers[target];
        if method == "CONNECT" && answer.is_null() {
            let mut behind = TcpStream::connect(target).await?;
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            tokio::io::copy_bidirectional(&mut socket, &mut behind).await?;
            return Ok(());
        }
        if let (Some(key), true) = (socket_key, answer.is_null()) {
            return self.speak(socket, &key).await;
        }
        let status = answer["status"].as_u64().unwrap_or(200);
        let location = answer["location"].as_str();
        let location = location.map_or(String::new(), |to| format!("location: {to}\r\n"));
        let length = self.body.len();
        let text = format!(
            "HTTP/1.1 {status} Said\r\n{location}content-type: application/json\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{}",
            self.body
        );
        socket.write_all(text.as_bytes()).await?;
        socket.shutdown().await
    }

    /// Speaks SOCKS 5 (RFC 1928, RFC 1929): notes where to, and for whom.
    async fn relay(&self, mut socket: TcpStream) -> std::io::Result<()> {
        let methods = after_length(&mut socket, 1).await?;
        let mut whose = String::new();
        if methods.contains(&2) {
            socket.write_all(&[5, 2]).await?;
            let user = after_length(&mut socket, 1).await?;
            let password = after_length(&mut socket, 0).await?;
            let (user, password) = (
                String::from_utf8_lossy(&user),
                String::from_utf8_lossy(&password),
            );
            whose = format!(" for {user}:{password}");
            socket.write_all(&[1, 0]).await?;
        } else {
            socket.write_all(&[5, 0]).await?;
        }
        let mut request = [0; 4];
        socket.read_exact(&mut request).await?;
        let host = if request[3] == 3 {
            String::from_utf8_lossy(&after_length(&mut socket, 0).await?).into_owned()
        } else {
            let mut address = [0; 4];
            socket.read_exact(&mut address).await?;
            std::net::Ipv4Addr::from(address).to_string()
        };
        let target = format!("{host}:{}", socket.read_u16().await?);
        self.heads
            .lock()
            .unwrap()
            .push(format!("SOCKS5 {target}{whose}"));
        let mut behind = TcpStream::connect(&target).await?;
        socket.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        tokio::io::copy_bidirectional(&mut socket, &mut behind)
            .await
            .map(drop)
    }

    /// Agrees to a WebSocket, sends the frames and a close.
    async fn speak(
        &self,
        mut socket: impl AsyncRead + AsyncWrite + Unpin,
        key: &str,
    ) -> std::io::Result<()> {
        let accept = derive_accept_key(key.as_bytes());
        let mut bytes = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        for frame in &self.frames {
            let length = u16::try_from(frame.len()).unwrap();
            match u8::try_from(length).ok().filter(|length| *length < 126) {
                Some(length) => bytes.extend([0x81, length]),
                None => bytes.extend([0x81, 126, (length >> 8) as u8, length as u8]),
            }
            bytes.extend(frame.as_bytes());
        }
        bytes.extend([0x88, 2, 0x03, 0xe8]);
        socket.write_all(&bytes).await?;
        // Until the client has read it all.
        socket.read_to_end(&mut Vec::new()).await.map(drop)
    }
}

/// What stands behind a length of one byte, after so many others.
async fn after_length(socket: &mut TcpStream, skipped: usize) -> std::io::Result<Vec<u8>> {
    socket.read_exact(&mut vec![0; skipped]).await?;
    let mut bytes = vec![0; socket.read_u8().await?.into()];
    socket.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Method and target.
fn first_line(head: &str) -> String {
    let line = head.split("\r\n").next().unwrap_or_default();
    line.trim_end_matches(" HTTP/1.1").to_owned()
}

fn acceptor(name: &str) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(format!("{CERTIFICATES}/{name}.pem"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{CERTIFICATES}/{name}.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The text of a case with the ports, the folder and the key filled in.
fn filled(value: &Value, ports: &BTreeMap<&str, u16>, key: &str) -> Value {
    let text = value.to_string().replace("{certificates}", CERTIFICATES);
    let mut text = text.replace("{key}", key);
    for (name, port) in ports {
        text = text.replace(&format!("{{{name}}}"), &port.to_string());
    }
    serde_json::from_str(&text).unwrap()
}

pub(crate) async fn g07_g08_where_a_key_goes(case: Value) {
    let file = &contract("origins.json");
    let id = case["id"].as_str().unwrap();
    let mut listeners = Vec::new();
    let mut ports = BTreeMap::new();
    for name in SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        ports.insert(name, listener.local_addr().unwrap().port());
        listeners.push(listener);
    }
    let key_in_a_url = file["key_in_a_url"].as_str().unwrap();
    let case = filled(&case, &ports, key_in_a_url);
    let body = file["bodies"][case["call"].as_str().unwrap()].to_string();
    let frames = file["frames"].as_array().unwrap();
    let mut servers = BTreeMap::new();
    for (name, listener) in SERVERS.into_iter().zip(listeners) {
        let server = Arc::new(Server {
            port: ports[name],
            answers: case["answers"][name].clone(),
            body: body.clone(),
            frames: frames.iter().map(Value::to_string).collect(),
            heads: Mutex::default(),
        });
        tokio::spawn(server.clone().serve(listener, name));
        servers.insert(name, server);
    }

    let report = call(&case, file).await;

    let expect = &case["expect"];
    let wanted = expect.get("error").unwrap_or(&Value::Null);
    match wanted.as_object() {
        None => assert_eq!(report["error"], Value::Null, "{id}"),
        Some(fields) => {
            let text = report["text"]
                .as_str()
                .unwrap_or_else(|| panic!("{id}: no error"));
            for (name, wanted) in fields {
                if name == "text" {
                    for part in wanted.as_array().unwrap() {
                        assert!(
                            text.contains(part.as_str().unwrap()),
                            "{id}: {text:?} lacks {part}"
                        );
                    }
                } else {
                    assert_eq!(&report["error"][name], wanted, "{id}: {name} of {text}");
                }
            }
        }
    }
    let key = file["key"].as_str().unwrap();
    let password = file["password"].as_str().unwrap();
    for (name, server) in &servers {
        let wanted = expect["received"].get(*name).cloned().unwrap_or(json!([]));
        assert_eq!(
            json!(server.received()),
            wanted,
            "{id}: what {name} ({}) received",
            server.port
        );
        let without_key = expect["without_key"]
            .as_array()
            .is_some_and(|names| names.contains(&json!(name)));
        for head in server.heads.lock().unwrap().iter() {
            assert_eq!(
                head.contains(key) || head.contains(key_in_a_url),
                !without_key && !head.starts_with("CONNECT ") && *name != "socks",
                "{id}: the key at {name}: {head}"
            );
            let user = head
                .lines()
                .find_map(|line| line.strip_prefix("proxy-authorization: Basic "));
            if let (&"proxy", Some(wanted)) = (name, expect["proxy_user"].as_str()) {
                assert_eq!(user, Some(base64(wanted).as_str()), "{id}");
            } else if *name != "proxy" {
                assert_eq!(user, None, "{id}: {name} was given the proxy's password");
            }
        }
    }
    let shown = report.to_string();
    let user = base64(&format!("me:{password}"));
    for secret in [key, key_in_a_url, password, &user] {
        assert!(!shown.contains(secret), "{id} shows {secret}: {shown}");
    }
}

/// The call in a process of its own, with the case's environment.
async fn call(case: &Value, file: &Value) -> Value {
    let mut client = case["client"].clone();
    client["api_key"] = file["key"].clone();
    client["max_retries"] = json!(0);
    let mut input = json!({"call": case["call"], "args": case["args"], "client": client});
    input["text"] = file["text"].clone();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sessionwire-call"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    for name in [
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
    ] {
        command.env_remove(name);
    }
    for (name, value) in case["env"].as_object().into_iter().flatten() {
        command.env(name, value.as_str().unwrap());
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(format!("{input}\n").as_bytes())
        .await
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}: {}", case["id"], output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// As a password is written in a header.
fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for part in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| {
            bits << 8 | usize::from(part.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * at) & 63]);
            encoded.push(if at > part.len() { '=' } else { letter });
        }
    }
    encoded
}

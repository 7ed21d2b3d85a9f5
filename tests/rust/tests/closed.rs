//! A closed client's connections.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use sessionwire::OptionChanges;
use sessionwire::agi::{CleanupOptions, Client, CreateSession, EventOptions};
use sessionwire_tests::{build, count, emulator, fail, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn g05_closed_clients_leave_no_connection() {
    let (url, open) = service().await;
    let clients: Vec<Client> = (0..100)
        .map(|_| build(json!({"base_url": url, "api_key": "some-key"})).unwrap())
        .collect();
    for client in &clients {
        client.sessions().list().await.unwrap();
    }
    assert_eq!(open.load(Ordering::SeqCst), 100, "each keeps one");
    for client in &clients {
        // Copies share the connections: closing one closes them.
        let copy = client.with_options(OptionChanges::default()).unwrap();
        copy.close();
    }
    until("every connection is closed", || {
        open.load(Ordering::SeqCst) == 0
    })
    .await;
    for client in &clients {
        let error = client.sessions().list().await.unwrap_err();
        assert_eq!(error.reason(), Some("client_closed"));
    }
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn g05_a_close_during_a_request_leaves_no_connection() {
    let emulator = emulator().await;
    fail(&emulator, json!({"on": "list", "hang": true}));
    let (url, open) = relay(emulator.url()).await;
    let client = build(json!({"base_url": url, "api_key": emulator.api_key()})).unwrap();
    let sessions = client.sessions();
    let session = sessions.create(CreateSession::default()).await.unwrap();
    let mut events = session.events(EventOptions::default()).unwrap();
    let (listed, event, ()) = tokio::join!(sessions.list(), events.next(), async {
        until("the requests", || emulator.requests().len() == 3).await;
        client.close();
    });
    assert_eq!(listed.unwrap_err().reason(), Some("client_closed"));
    assert_eq!(event.unwrap().unwrap_err().reason(), Some("client_closed"));
    until("every connection is closed", || {
        open.load(Ordering::SeqCst) == 0
    })
    .await;
    // What must outlive a close goes on, and leaves no connection either.
    let left = client
        .delete_created_sessions(Duration::from_secs(20))
        .await;
    assert!(left.is_empty(), "{left:?}");
    let deleted = emulator.requests().pop().unwrap();
    assert_eq!(deleted.method, "DELETE");
    until("the last connection is closed", || {
        open.load(Ordering::SeqCst) == 0
    })
    .await;
}

/// The deletes run in tasks of their own, which may see the close first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g05_a_close_during_a_cleanup_is_its_error_and_none_of_its_sessions() {
    let emulator = emulator().await;
    for _ in 0..30 {
        let client = build(json!({"base_url": emulator.url(), "api_key": emulator.api_key()}));
        let client = client.unwrap();
        let sessions = client.sessions();
        for _ in 0..4 {
            sessions.create(CreateSession::default()).await.unwrap();
        }
        fail(&emulator, json!({"on": "delete", "hang": true, "times": 4}));
        let before = count(&emulator, "DELETE", "");
        let closing = client.clone();
        let closed = async {
            until("the deletes", || {
                count(&emulator, "DELETE", "") == before + 4
            })
            .await;
            tokio::task::spawn_blocking(move || closing.close())
                .await
                .unwrap();
        };
        let (cleaned, ()) = tokio::join!(
            sessions.cleanup(CleanupOptions::new().statuses(["any"])),
            closed
        );
        assert_eq!(cleaned.unwrap_err().reason(), Some("client_closed"));
        client
            .delete_created_sessions(Duration::from_secs(20))
            .await;
    }
}

/// A service without sessions, which keeps connections open, and how many are.
async fn service() -> (String, Arc<AtomicUsize>) {
    count_connections(|mut connection| async move {
        let mut read = Vec::new();
        loop {
            if connection.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
            if read.ends_with(b"\r\n\r\n") {
                read.clear();
                let answer =
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
                if connection.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// A way to a service, and how many connections take it.
async fn relay(url: &str) -> (String, Arc<AtomicUsize>) {
    let service = url.trim_start_matches("http://").to_owned();
    count_connections(move |mut connection| {
        let service = service.clone();
        async move {
            let mut behind = TcpStream::connect(&service).await.unwrap();
            // Whoever closes first ends it.
            let _ = tokio::io::copy_bidirectional(&mut connection, &mut behind).await;
        }
    })
    .await
}

async fn count_connections<F, W>(serve: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> W + Send + Sync + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let open = Arc::new(AtomicUsize::new(0));
    tokio::spawn({
        let open = open.clone();
        async move {
            while let Ok((connection, _)) = listener.accept().await {
                open.fetch_add(1, Ordering::SeqCst);
                let (served, open) = (serve(connection), open.clone());
                tokio::spawn(async move {
                    served.await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
    });
    (url, open)
}

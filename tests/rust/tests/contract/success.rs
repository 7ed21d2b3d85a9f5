//! A success whose body cannot be read, and the names of errors.

use serde_json::{Value, json};
use sessionwire::Result;
use sessionwire::raccoon::{Session, StartTurn, UploadSource};
use sessionwire_tests::{check, client, emulator, fail, script, session, turns};

use sessionwire_tests::calls::call;

pub(crate) async fn g03_a_success_without_words(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"delay": 3600}], "once": false}]),
    );
    let name = case["call"].as_str().unwrap();
    let prepare = || {
        emulator.clear_requests();
        fail(&emulator, case["fault"].clone());
        for fault in case
            .get("besides")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            fail(&emulator, fault.clone());
        }
    };
    let outcome = if name.starts_with("turn.") {
        let client = turns::client(&emulator);
        let session = client.session().unwrap();
        if name != "turn.start" {
            // A session is there from its first turn on.
            session.start_turn(StartTurn::new("go")).await.unwrap();
        }
        prepare();
        turn_call(name, &session).await
    } else {
        let client = client(&emulator);
        let session = session(&client).await;
        for earlier in case["before"].as_array().into_iter().flatten() {
            call(earlier, &client, &session).await.unwrap();
        }
        prepare();
        call(&case, &client, &session).await
    };
    match (outcome, case.get("error")) {
        (Ok(result), None) => {
            if let Some(words) = case.get("says") {
                assert_eq!(result["message"], *words, "{id}");
            }
        }
        (Err(error), Some(wanted)) => check(id, &error, wanted),
        (outcome, _) => panic!("{id}: {outcome:?}"),
    }
    let requests = emulator.requests();
    let effects = requests.iter().filter(|request| request.method != "GET");
    if let Some(sent) = case.get("sent") {
        assert_eq!(json!(effects.count()), *sent, "{id}");
    }
}

async fn turn_call(name: &str, session: &Session) -> Result<Value> {
    Ok(match name {
        "turn.start" => {
            session.start_turn(StartTurn::new("go")).await?;
            Value::Null
        }
        "turn.rename" => json!(session.rename("title").await?),
        "turn.delete" => json!(session.delete().await?),
        "turn.upload" => json!(session.upload(UploadSource::bytes("x")).await?),
        other => panic!("unknown call {other}"),
    })
}

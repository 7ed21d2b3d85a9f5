"""The emulator in a test: a scripted agent, a broken connection, a failing service.

No key is needed; nothing leaves this machine.
"""

from sessionwire import Emulator, InternalServerError

SCENARIO = {
    "tasks": [
        {
            "match": "flights",
            "steps": [
                {"thought": "Looking for flights"},
                {"question": "Morning or evening?"},
                {"repeat": 20, "steps": [{"thought": "Comparing offer {n} for the {answer}"}]},
                {"done": {"summary": "20 offers", "cheapest": 441.5}},
            ],
        }
    ]
}


def main() -> None:
    with Emulator(scenario=SCENARIO) as emulator, emulator.agi(max_retries=0) as client:
        # The connection breaks after every third event. No event is lost.
        emulator.fail(on="events", cut_after=3, times=0)
        with client.sessions.create() as session:
            result = session.run_task("Find flights", on_question=lambda question: "morning")
            print(result.text, result.data["cheapest"])
            thoughts = [event for event in session.events() if event.type == "thought"]
            print(len(thoughts), "thoughts, the last:", thoughts[-1].text)

        emulator.fail(on="create", status=500)
        try:
            client.sessions.create()
        except InternalServerError as error:
            print(error)
        print(len(emulator.requests()), "requests")


if __name__ == "__main__":
    main()

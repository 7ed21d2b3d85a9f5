"""A task's events as they happen, and an answer to its question.

It runs on the emulator, without a key. For the real service set AGI_API_KEY and
write `with Agi() as client:` instead of the first `with`.
"""

from sessionwire import Emulator


def main() -> None:
    with Emulator() as emulator, emulator.agi() as client, client.sessions.create() as session:
        with session.start_task("Book a table for two, but ask me for the time") as task:
            for event in task:
                match event.type:
                    case "thought" | "step" | "log":
                        print(f"  {event.type}: {event.text}")
                    case "question":
                        print(f"? {event.text}")
                        task.answer("At eight")
                    case "done":
                        print(f"= {event.text}")
                    case _:
                        print(f"  {event.type}")
            result = task.result()
        print(result.data)


if __name__ == "__main__":
    main()

"""One task from start to result.

It runs on the emulator, without a key. For the real service set AGI_API_KEY and
write `with Agi() as client:` instead of the first `with`.
"""

from sessionwire import Emulator


def main() -> None:
    with Emulator() as emulator, emulator.agi() as client:
        # The session is deleted on the way out, also on an exception.
        with client.sessions.create("agi-0") as session:
            result = session.run_task(
                "Please ask me first, then say what 12 x 12 is",
                on_question=lambda question: "It is a test",
                timeout=600,
            )
            print(result.text)
            print(f"{len(result.messages)} messages in {result.duration:.1f} s")


if __name__ == "__main__":
    main()

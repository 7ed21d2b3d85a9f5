"""An agent of your own for Raccoon's turns: it reads the file, hears what is added, and answers.

No key is needed; nothing leaves this machine.
"""

from sessionwire import AgentTurn, Emulator, TurnAgent


def digest_agent(turn: AgentTurn, agent: TurnAgent) -> str:
    agent.plan([{"content": "Read the file", "status": "active"}, "Hear the rate", "Answer"])
    agent.think(f"Working on: {turn.prompt}")
    total = 0.0
    for file in turn.files:
        found = agent.read_file(file["key"])
        lines = found.content.decode().splitlines() if found else []
        prices = [float(line.split()[-1]) for line in lines]
        agent.tool("calculator", {"prices": prices})
        total += sum(prices)
    agent.say(f"Without tax: {total:.2f} EUR. ")
    rate = float(agent.wait_for_message())
    agent.snapshot(["total.txt"])
    return f"With {rate:.0f} % tax: {total * (1 + rate / 100):.2f} EUR."


def main() -> None:
    with Emulator(turn_agent=digest_agent) as emulator, emulator.raccoon() as client:
        session = client.session()
        prices = session.upload(b"blue mug 12.50\ngreen mug 9.90\n", name="prices.txt")
        with session.start_turn("Sum it up", files=[prices]) as turn:
            for event in turn:
                print(event.kind, event.text)
                if event.kind == "text" and "Without tax" in event.text:
                    turn.send_message("19")
            print(turn.result().text)


if __name__ == "__main__":
    main()

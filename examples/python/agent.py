"""An agent of your own: a function that plays the emulator's agent, and asks a question.

No key is needed; nothing leaves this machine.
"""

from sessionwire import Agent, AgentTask, Emulator

OFFERS = {"blue mug": 12.5, "green mug": 9.9, "blue bowl": 7.5}


def shop_agent(task: AgentTask, agent: Agent) -> None:
    agent.think(f"Working on: {task.text}")
    colour = agent.ask("Which colour?")
    found = {name: price for name, price in OFFERS.items() if colour in name}
    for name, price in found.items():
        agent.step(f"Looking at the {name} for {price:.2f} EUR", action="compare")
    for message in agent.messages():
        agent.think(f"You also said: {message}")
    if not found:
        agent.fail(f"There is nothing in {colour}", status_code=404)
        return
    cheapest = min(found, key=lambda name: found[name])
    summary = f"The {cheapest} costs {found[cheapest]:.2f} EUR"
    agent.done({"summary": summary, "price": found[cheapest]})


def main() -> None:
    with Emulator(agent=shop_agent) as emulator, emulator.agi() as client:
        with client.sessions.create() as session:
            with session.start_task("Find something nice") as task:
                for event in task:
                    print(event.type, event.text)
                    if event.type == "question":
                        task.answer("blue")
                print(task.result().data["price"])


if __name__ == "__main__":
    main()

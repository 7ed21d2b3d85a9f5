"""Receives webhooks with Flask.

pip install sessionwire flask
WEBHOOK_SECRET=... flask --app webhooks_flask run
"""

import os
import queue
import threading

from flask import Flask, Response, request

from sessionwire import webhooks

SECRET = os.environ["WEBHOOK_SECRET"]  # webhook_url=webhooks.url("https://.../hook", SECRET)

app = Flask(__name__)
repeats = webhooks.Deduplicator()
inbox: queue.Queue[webhooks.WebhookEvent] = queue.Queue()


@app.post("/hook")
def hook() -> Response:
    if not webhooks.verify(request.args.get("token"), SECRET):
        return Response(status=401)
    try:
        event = webhooks.parse(request.get_data(), request.headers)
    except webhooks.WebhookError as error:
        return Response(str(error), status=400)
    if not repeats.is_repeat(event):
        inbox.put(event)  # worked on after the answer: the service waits 5 seconds for it
    return Response()


def work() -> None:
    while True:
        event = inbox.get()
        match event:
            case webhooks.TaskStartedEvent(message=message):
                print(f"{event.type}: {message}")
            case webhooks.TaskQuestionEvent(question=question):
                print(f"{event.type}: {question}")
            case webhooks.TaskCompletedEvent(result=result):
                print(f"{event.type}: {result.message}")
            case webhooks.TaskErrorEvent(error=error):
                print(f"{event.type}: {error}")
            case webhooks.SessionStatusChangedEvent():
                print(f"{event.type}: {event.old_status} -> {event.new_status}")
            case _:  # session.created, session.deleted, and kinds that are still to come
                print(f"{event.type}: {event.session.id}")


threading.Thread(target=work, daemon=True).start()

"""Receives webhooks with FastAPI.

pip install sessionwire fastapi uvicorn
WEBHOOK_SECRET=... uvicorn webhooks_fastapi:app
"""

import os

from fastapi import BackgroundTasks, FastAPI, Request, Response

from sessionwire import webhooks

SECRET = os.environ["WEBHOOK_SECRET"]  # webhook_url=webhooks.url("https://.../hook", SECRET)

app = FastAPI()
repeats = webhooks.Deduplicator()


@app.post("/hook")
async def hook(request: Request, background: BackgroundTasks) -> Response:
    if not webhooks.verify(request.query_params.get("token"), SECRET):
        return Response(status_code=401)
    try:
        event = webhooks.parse(await request.body(), request.headers)
    except webhooks.WebhookError as error:
        return Response(str(error), status_code=400)
    if not repeats.is_repeat(event):
        background.add_task(work, event)  # after the answer: the service waits 5 seconds for it
    return Response()


def work(event: webhooks.WebhookEvent) -> None:
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

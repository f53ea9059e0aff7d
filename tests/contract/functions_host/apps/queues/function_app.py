"""An app with queue triggers: what it takes, what it refuses, and what became poison."""

import azure.functions as func

app = func.FunctionApp()
taken: list[tuple[str, str, int]] = []


@app.queue_trigger(arg_name="message", queue_name="work", connection="WORK_STORAGE")
async def work(message: func.QueueMessage) -> None:
    text = message.get_body().decode()
    taken.append(("work", text, message.dequeue_count or 0))
    if text.startswith("bad") or (text.startswith("twice") and message.dequeue_count == 1):
        raise ValueError(text)


@app.queue_trigger(arg_name="message", queue_name="work-poison", connection="WORK_STORAGE")
def poison(message: func.QueueMessage) -> None:
    taken.append(("poison", message.get_body().decode(), message.dequeue_count or 0))


@app.queue_trigger(arg_name="message", queue_name="other", connection="WORK_STORAGE")
async def switched_off(message: func.QueueMessage) -> None:
    taken.append(("other", message.get_body().decode(), 0))


@app.queue_trigger(arg_name="message", queue_name="nowhere", connection="NO_STORAGE")
async def without_storage(message: func.QueueMessage) -> None:
    raise AssertionError(message)

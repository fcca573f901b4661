

# Added by the tests: one handler of every kind that an event source can have, whatever the app itself has.
from chalicelib import event_sources


@app.schedule("rate(1 minute)", name="tests_schedule")
def tests_schedule(event):
    return None


@app.on_sqs_message(queue_arn=event_sources.queue("DeadLetters"), batch_size=10, name="tests_queue")
def tests_queue(event):
    return None


@app.lambda_function(name="tests_upload")
def tests_upload(event, context):
    return None

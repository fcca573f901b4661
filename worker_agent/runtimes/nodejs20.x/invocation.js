"use strict";
// Runs a handler once, whether it is async, calls back or just returns; never speaks to the Runtime API.

/** Give what the second argument of a handler is on Lambda, from the headers of an event. */
function contextOf(headers) {
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    ...(clientContext && { clientContext: JSON.parse(clientContext) }),
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}

/** Run the handler and give its answer; rejects with what it throws, rejects with or calls back. */
function run(handler, event, context) {
  let whenIdle;
  return new Promise((resolve, reject) => {
    let called;
    // Lambda answers, with null if nobody called back, when nothing is left to do; a promise that hangs ends so too.
    whenIdle = () => (called ?? resolve)(null);
    process.once("beforeExit", whenIdle);
    const callback = (error, answer) => {
      called ??= error === undefined || error === null ? () => resolve(answer) : () => reject(error);
      if (!context.callbackWaitsForEmptyEventLoop) called();
    };
    const returned = handler(event, withOldWays(context, callback), callback);
    if (typeof returned?.then === "function") returned.then(resolve, reject);
  }).finally(() => process.removeListener("beforeExit", whenIdle));
}

/** Give the context the ways of ending that came before the callback; they do not wait. */
function withOldWays(context, callback) {
  context.done = (error, answer) => {
    context.callbackWaitsForEmptyEventLoop = false;
    callback(error, answer);
  };
  context.succeed = (answer) => context.done(null, answer);
  context.fail = (error) => context.done(error ?? "handled");
  return context;
}

module.exports = { contextOf, run };

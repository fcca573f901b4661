"use strict";
// The first process of a Node sandbox: waits to be told what it is, and becomes it.
//
// It runs inside the container as nobody, without network; its output is the agent's log already. Over the agent's
// control socket comes one assignment: four bytes of length, a JSON object (`environment`, `handler`, `code_bytes`),
// then the zip. What goes wrong from there on is told through the Runtime API, as any start error of a function is.

const { once } = require("node:events");
const net = require("node:net");
const { setImmediate } = require("node:timers/promises");
const api = require("./runtime_api.js");
const { RuntimeError, shaped } = require("./errors.js");
const { load } = require("./handler.js");
const { contextOf, run } = require("./invocation.js");
const log = require("./log.js");
const { rehearse } = require("./rehearsal.js");
const { unzip } = require("./unzip.js");

const CONTROL = "\0hearth-control";
const TASK_ROOT = "/var/task";
// Lambda's own exit codes after an error that nobody caught.
const REJECTED = 128;
const UNCAUGHT = 129;

/** Wait for the assignment. To have connected says: ready. The agent binds this socket before the log, which is there. */
async function assignment() {
  const link = net.connect({ path: CONTROL });
  await once(link, "connect");
  const head = await read(link, (await read(link, 4)).readUInt32BE());
  const assigned = JSON.parse(head.toString());
  const code = await read(link, assigned.code_bytes);
  link.destroy();
  return { ...assigned, code };
}

/** Read exactly `size` bytes; end the process when the agent is gone. */
async function read(link, size) {
  if (!size) return Buffer.alloc(0);
  for (;;) {
    const data = link.read(size);
    if (data?.length === size) return data;
    if (data || link.readableEnded) process.exit(1);
    await Promise.race([once(link, "readable"), once(link, "end")]);
  }
}

/** Give the function, or say that it cannot start and end. */
async function started({ handler, code }) {
  try {
    unpack(code);
    return await load(TASK_ROOT, handler);
  } catch (error) {
    await end(shaped(error), api.failInit, 1);
  }
}

function unpack(code) {
  try {
    unzip(code, TASK_ROOT);
  } catch (error) {
    throw new RuntimeError("InvalidZipFile", `The zip could not be unpacked: ${error.message}`);
  }
}

/** Log an error, tell it and end: what a process that nobody knows the state of may do. */
async function end(error, tell, code) {
  log.writeError("Uncaught Exception", error);
  await log.flushed();
  await tell(error).catch(() => {}); // refused when the Invocation has ended before: the exit is then all that is left
  process.exit(code);
}

/** Have errors that nobody catches end the process, after they were told of by `tell`. */
function onUncaught(tell) {
  process.removeAllListeners("uncaughtException").removeAllListeners("unhandledRejection");
  process.on("uncaughtException", (error) => end(shaped(error), tell, UNCAUGHT));
  process.on("unhandledRejection", (reason) => {
    const error = new RuntimeError("UnhandledPromiseRejection", String(reason), reason);
    end(shaped(error), tell, REJECTED);
  });
}

/** Run one event and give its answer, or its error. */
async function handle(handler, { headers, body }) {
  const id = headers["lambda-runtime-aws-request-id"];
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
  log.setRequest(id);
  onUncaught((error) => api.fail(id, error));
  try {
    const answer = JSON.stringify((await run(handler, JSON.parse(body), contextOf(headers))) ?? null) ?? "null";
    await log.flushed();
    await api.respond(id, answer);
  } catch (thrown) {
    const error = shaped(thrown);
    log.writeError("Invoke Error", error);
    await log.flushed();
    await api.fail(id, error);
  }
}

async function main() {
  await rehearse();
  const assigned = await assignment();
  Object.assign(process.env, assigned.environment);
  log.install();
  onUncaught(api.failInit);
  const handler = await started(assigned);
  await setImmediate(); // by then Node has told of every promise that the file let fail
  assigned.code = undefined; // the zip's memory is the function's from here on
  for (;;) await handle(handler, await api.next());
}

main();

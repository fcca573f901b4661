"use strict";
// The first process of a Node sandbox: waits to be told what it is, and becomes it.
//
// It runs inside the container as nobody, without network; its output is the agent's log already. Over the agent's
// control socket comes one assignment: four bytes of length, a JSON object (`environment`, `handler`, `layer_arns`,
// `layer_bytes`, `code_bytes`), then the layers' zips in their order, then the function's own. What goes wrong from there
// on is told through the Runtime API, as any start error of a function is.

const fs = require("node:fs");
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
const LAYER_ROOT = "/opt";
// Made before this process by `logged.c`, for the loader to see that they can be there.
const LIBRARY_FOLDERS = ["/opt/lib", "/var/task/lib"];
// Lambda's own exit codes after an error that nobody caught.
const REJECTED = 128;
const UNCAUGHT = 129;

/** Wait for the assignment, and keep the link its zips come over. To have connected says: ready. The agent binds this socket before the log, which is there. */
async function assignment() {
  const link = net.connect({ path: CONTROL });
  await once(link, "connect");
  const head = await read(link, (await read(link, 4)).readUInt32BE());
  return { ...JSON.parse(head.toString()), link };
}

/** Give the next `size` bytes. */
function read(link, size) {
  return fill(link, Buffer.allocUnsafe(size));
}

/** Read as many bytes as `data` has room for, as they come; end the process when the agent is gone. */
async function fill(link, data) {
  for (let at = 0; at < data.length; ) {
    const part = link.read(Math.min(data.length - at, Math.max(1, link.readableLength)));
    if (part) at += part.copy(data, at);
    else if (link.readableEnded) process.exit(1);
    else await Promise.race([once(link, "readable"), once(link, "end")]);
  }
  return data;
}

/** Give the function, or say that it cannot start and end. */
async function started(assigned) {
  try {
    await unpack(assigned);
    return await load(TASK_ROOT, assigned.handler);
  } catch (error) {
    await end(shaped(error), api.failInit, 1);
  }
}

/**
 * Unpack each zip before the next is read, all out of one buffer: what V8 has not swept yet is held as well, and a small
 * sandbox has no room for two. Throws when one cannot be unpacked.
 */
async function unpack({ layer_arns, layer_bytes, code_bytes, link }) {
  LIBRARY_FOLDERS.forEach((folder) => fs.rmdirSync(folder));
  const zips = layer_arns.map((arn, n) => [`The layer ${arn}`, layer_bytes[n], LAYER_ROOT]);
  const buffer = Buffer.allocUnsafe(Math.max(...layer_bytes, code_bytes));
  let wrong;
  for (const [what, size, root] of [...zips, ["The zip", code_bytes, TASK_ROOT]]) {
    const zip = await fill(link, buffer.subarray(0, size)); // also after an error: the agent listens to nothing until it has sent all
    wrong ??= unpacked(zip, root, what);
  }
  link.destroy();
  if (wrong) throw new RuntimeError("InvalidZipFile", wrong);
}

/** Unpack one zip; gives what went wrong. */
function unpacked(zip, root, what) {
  try {
    unzip(zip, root);
  } catch (error) {
    return `${what} could not be unpacked: ${error.message}`;
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
  for (;;) await handle(handler, await api.next());
}

main();

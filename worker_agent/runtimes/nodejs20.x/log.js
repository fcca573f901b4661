"use strict";
// Gives console's lines the shape they have in Lambda's logs: time, request, level and text, between tabs.

const { format } = require("node:util");

const LEVELS = { debug: "DEBUG", error: "ERROR", info: "INFO", log: "INFO", trace: "TRACE", warn: "WARN" };
const out = process.stdout; // made now: a stem has the time, a function's first line has not
let requestId = "undefined";

/** Have console write to the log, and give it its first and only shape. */
function install() {
  for (const [name, level] of Object.entries(LEVELS)) console[name] = (...words) => write(level, format(...words));
}

/** Say which Invocation the lines from here on are of. */
function setRequest(id) {
  requestId = id;
}

/** Write what went wrong, as Lambda does. */
function writeError(what, error) {
  write("ERROR", `${what}\t${JSON.stringify({ ...error, trace: undefined, stack: error.trace })}`);
}

function write(level, text) {
  out.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${text}\n`);
}

/** Wait until all that was written is out of this process: the agent reads the log when it has the answer. */
function flushed() {
  return out.writableLength ? new Promise((resolve) => out.write("", resolve)) : undefined;
}

module.exports = { install, setRequest, writeError, flushed };

"use strict";
// Plays one Invocation through before there is a function, so that its first call finds all code loaded and compiled:
// that is 30 ms of a cold start. The agent is played by a server in this process; nothing of it is left afterwards.

const http = require("node:http");
const { once } = require("node:events");
const zlib = require("node:zlib");
const api = require("./runtime_api.js");
const { load } = require("./handler.js");
const { contextOf, run } = require("./invocation.js");

const ROUNDS = 5;

/** Rehearse a few Invocations, and what it takes to unpack and load a function. */
async function rehearse() {
  zlib.crc32(zlib.inflateRawSync(zlib.deflateRawSync("{}")));
  const handler = await load(__dirname, "rehearsed.handler");
  const agent = http.createServer((request, response) => request.resume().on("end", () => response.end("{}")));
  await once(agent.listen(0, "127.0.0.1"), "listening");
  const address = process.env.AWS_LAMBDA_RUNTIME_API;
  process.env.AWS_LAMBDA_RUNTIME_API = `127.0.0.1:${agent.address().port}`;
  for (let n = 0; n < ROUNDS; n++) {
    const { headers, body } = await api.next();
    await api.respond("0", JSON.stringify(await run(handler, JSON.parse(body), contextOf(headers))));
  }
  process.env.AWS_LAMBDA_RUNTIME_API = address;
  agent.close().closeAllConnections();
}

module.exports = { rehearse };

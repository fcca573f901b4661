"use strict";
// Speaks Lambda's Runtime API, one request after the other over one kept connection; never looks into an event.

const http = require("node:http");

const PREFIX = "/2018-06-01/runtime";
// Any other agent of Node's would close the connection after each answer, or wait 40 ms for the rest of a small packet.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1, noDelay: true });

/** Send one request and give {headers, body}; an answer that is no 2xx is an Error. */
function call(method, path, body, by = agent) {
  const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
  const headers = body === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request({ agent: by, host, port, method, path: PREFIX + path, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const answer = { headers: response.headers, body: Buffer.concat(chunks).toString() };
        if (response.statusCode < 300) resolve(answer);
        else reject(new Error(`the Runtime API answers ${response.statusCode}: ${answer.body}`));
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Wait for the next event. */
const next = () => call("GET", "/invocation/next");

/** Give the answer of an Invocation, a JSON text. */
const respond = (id, answer) => call("POST", `/invocation/${id}/response`, answer);

// Errors take a connection of their own: the kept one may be waiting for an event that never comes.

/** Give the error of an Invocation, in Lambda's shape. */
const fail = (id, error) => call("POST", `/invocation/${id}/error`, JSON.stringify(error), false);

/** Say why the function cannot start, in Lambda's shape. */
const failInit = (error) => call("POST", "/init/error", JSON.stringify(error), false);

module.exports = { next, respond, fail, failInit };

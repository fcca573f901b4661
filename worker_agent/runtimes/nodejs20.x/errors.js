"use strict";
// Gives errors Lambda's shape, {errorType, errorMessage, trace}; never decides what is one.

/** An error that this runtime, not the function, gives its type. */
class RuntimeError extends Error {
  constructor(type, message, cause) {
    super(message);
    this.name = `Runtime.${type}`;
    this.stack = cause?.stack ? `${this.name}: ${cause.stack}` : `${this.name}: ${message}`;
  }
}

/** Give whatever was thrown, a string or nothing at all included, as the object the Runtime API takes. */
function shaped(thrown) {
  if (!(thrown instanceof Error) && typeof thrown?.stack !== "string") {
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  }
  return {
    errorType: String(thrown.name ?? "Error"),
    errorMessage: String(thrown.message ?? thrown),
    trace: String(thrown.stack ?? "").split("\n"),
  };
}

module.exports = { RuntimeError, shaped };

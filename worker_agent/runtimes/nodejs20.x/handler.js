"use strict";
// Finds and loads the function a handler's name stands for, as Lambda does; never calls it.

const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { RuntimeError } = require("./errors.js");

const ENDINGS = [".js", ".mjs", ".cjs"];
const NOT_FOUND = new Set(["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"]);

/** Give the function `dir/file.name` stands for below `root`; throws a RuntimeError, or what the file itself throws. */
async function load(root, handler) {
  const [, file, names] = /^((?:.*\/)?[^./]+)\.([^/]+)$/.exec(handler) ?? [];
  if (!file) throw new RuntimeError("MalformedHandlerName", `Bad handler '${handler}': it must be file.function`);
  const module_ = await loadModule(path.join(root, file), file);
  const find = (from) => names.split(".").reduce((found, name) => found?.[name], from);
  const found = find(module_) ?? find(module_.default); // an ES module's import of CommonJS has it all in `default`
  if (typeof found === "function") return found;
  const what = found === undefined ? "is undefined or not exported" : "is not a function";
  throw new RuntimeError("HandlerNotFound", `${handler} ${what}`);
}

async function loadModule(target, name) {
  const file = ENDINGS.map((ending) => target + ending).find((candidate) => fs.existsSync(candidate));
  try {
    if (!file) throw Object.assign(new Error(`Cannot find module '${name}'`), { code: "MODULE_NOT_FOUND" });
    return await imported(file);
  } catch (error) {
    if (NOT_FOUND.has(error?.code)) throw new RuntimeError("ImportModuleError", `Error: ${error.message}`, error);
    if (error instanceof SyntaxError) throw new RuntimeError("UserCodeSyntaxError", `SyntaxError: ${error.message}`, error);
    throw error;
  }
}

/** CommonJS first, as it starts some milliseconds sooner; Node says when it is not that. */
async function imported(file) {
  if (!file.endsWith(".mjs")) {
    try {
      return require(file);
    } catch (error) {
      if (error?.code !== "ERR_REQUIRE_ESM") throw error;
    }
  }
  return import(pathToFileURL(file).href);
}

module.exports = { load };

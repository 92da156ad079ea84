"use strict";
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname } = require("node:path");
const { Script } = require("node:vm");
const { limitGrowth, limitOptimising } = require("./heap");

/** Runs the bundle that scripts/build.js made, with its code cache where that fits this version of Node. */
function load(file) {
  limitGrowth();
  limitOptimising();
  const script = new Script(readFileSync(file, "latin1"), { filename: file, cachedData: read(`${file}.cache`) });
  showSources(file);
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return { exports: module.exports, script };
}

function read(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Stack traces name the sources. The table for that is read when there is a first one to show. */
function showSources(file) {
  let table;
  const placeOf = (whole, line) => {
    table ??= JSON.parse(read(`${file}.lines`) ?? '{"sources":[],"places":[]}');
    const source = table.sources[table.places[2 * line - 2]];
    return source === undefined ? whole : `${source}:${table.places[2 * line - 1]}`;
  };
  const inFile = new RegExp(`${file.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}:(\\d+):\\d+`, "g");
  Error.prepareStackTrace = (error, frames) => {
    const places = frames.map((frame) => `\n    at ${frame}`).join("");
    return titleOf(error) + places.replace(inFile, placeOf);
  };
}

function titleOf(error) {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}

module.exports = { load };

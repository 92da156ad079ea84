/**
 * Measures how much CPU time single turns of the event loop take, in the process that loads it (NODE_OPTIONS=--require). A first SIGUSR2
 * begins, the next one ends and writes a line of JSON into the file STALL_FILE: the longest turns, in ms of CPU time of the process. That
 * counts helpers such as the garbage collector too, so a turn is no longer than it says. With STALL_PROFILE, a directory, also what ran.
 */
const { appendFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const KEEP = 5;
let armed = false;
let longest = [];
let turns = 0;
let profile;

function turn(before) {
  if (!armed) return;
  const { user, system } = process.cpuUsage(before);
  turns++;
  longest.push((user + system) / 1000);
  if (longest.length > 2 * KEEP) longest = top();
  setImmediate(turn, process.cpuUsage());
}

const top = () => longest.sort((a, b) => b - a).slice(0, KEEP);

function begin() {
  [longest, turns] = [[], 0];
  if (process.env.STALL_PROFILE) {
    const { Session } = require("node:inspector");
    profile = new Session();
    profile.connect();
    profile.post("Profiler.enable");
    profile.post("Profiler.setSamplingInterval", { interval: 500 });
    profile.post("Profiler.start");
  }
  armed = true;
  setImmediate(turn, process.cpuUsage());
}

let profiles = 0;
function end() {
  armed = false;
  const line = `${JSON.stringify({ longest: top(), turns })}\n`;
  if (!profile) return appendFileSync(process.env.STALL_FILE, line);
  profile.post("Profiler.stop", (_, { profile: found }) => {
    writeFileSync(join(process.env.STALL_PROFILE, `${process.pid}-${profiles++}.cpuprofile`), JSON.stringify(found));
    profile.disconnect();
    appendFileSync(process.env.STALL_FILE, line);
  });
}

if (process.env.STALL_FILE) process.on("SIGUSR2", () => (armed ? end() : begin()));

/**
 * Measures how much CPU time single turns of the event loop take, in the process that loads it (NODE_OPTIONS=--require). A first SIGUSR2
 * begins, the next one ends and writes a line of JSON into the file STALL_FILE: the longest turns, in ms of CPU time of the main thread.
 * Before version 24 Node only tells that of the whole process, so that helpers of the garbage collector count too, and a turn is no longer than
 * it says. With STALL_PROFILE, a directory, also what ran, and from when to when each of the longest turns was, in us of the profile's clock.
 */
const { appendFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const KEEP = 5;
let armed = false;
let longest = [];
let turns = 0;
let profile;

const usage = process.threadCpuUsage ?? process.cpuUsage;
const now = () => Number(process.hrtime.bigint() / 1000n);

function turn(before, from) {
  if (!armed) return;
  const { user, system } = usage.call(process, before);
  turns++;
  longest.push({ cpu: (user + system) / 1000, from, to: now() });
  if (longest.length > 2 * KEEP) longest = top();
  next();
}

const next = () => setImmediate(turn, usage.call(process), now());
const top = () => longest.sort((a, b) => b.cpu - a.cpu).slice(0, KEEP);

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
  next();
}

let profiles = 0;
function end() {
  armed = false;
  const line = `${JSON.stringify({ longest: top().map(({ cpu }) => cpu), turns })}\n`;
  if (!profile) return appendFileSync(process.env.STALL_FILE, line);
  profile.post("Profiler.stop", (_, { profile: found }) => {
    writeFileSync(join(process.env.STALL_PROFILE, `${process.pid}-${profiles++}.cpuprofile`), JSON.stringify({ ...found, longest: top() }));
    profile.disconnect();
    appendFileSync(process.env.STALL_FILE, line);
  });
}

if (process.env.STALL_FILE) process.on("SIGUSR2", () => (armed ? end() : begin()));

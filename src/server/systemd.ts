import { spawn } from "node:child_process";

/** Tells systemd how the process is getting on, where it asked to be told. Node has no datagram sockets of its own for this. */
export function notifySystemd(state: "READY=1" | "STOPPING=1" | "RELOADING=1" | "WATCHDOG=1"): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  spawn("systemd-notify", [`--pid=${process.pid}`, state], { stdio: "ignore", env: process.env }).on("error", () => undefined);
}

/** Says again and again that the process is not frozen, where systemd ends it otherwise (WatchdogSec). */
export function startWatchdog(): void {
  const ms = Number(process.env["WATCHDOG_USEC"]) / 1_000;
  if (ms > 0) setInterval(() => notifySystemd("WATCHDOG=1"), ms / 3).unref();
}

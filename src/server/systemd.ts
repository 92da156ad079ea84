import { spawn } from "node:child_process";

/** Tells systemd how the process is getting on, where it asked to be told. Node has no datagram sockets of its own for this. */
export function notifySystemd(state: "READY=1" | "STOPPING=1" | "RELOADING=1"): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  spawn("systemd-notify", [`--pid=${process.pid}`, state], { stdio: "ignore" }).on("error", () => undefined);
}

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWatchdog } from "../../src/server/systemd";
import { eventually } from "../builders/eventually";

test("systemd hears again and again that the process is not frozen, where it asks for that", async () => {
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-systemd-"));
  const log = join(folder, "log");
  writeFileSync(log, "");
  writeFileSync(join(folder, "systemd-notify"), `#!/bin/sh\necho "$@" >>${log}\n`, { mode: 0o755 });
  Object.assign(process.env, { PATH: `${folder}:${process.env["PATH"]}`, NOTIFY_SOCKET: join(folder, "socket"), WATCHDOG_USEC: "60000" });
  startWatchdog();
  const said = `--pid=${process.pid} WATCHDOG=1`;
  await eventually(
    () =>
      readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line === said).length >= 3,
  );
});

import { createHints } from "../../../src/replication/hints";
import type { Hints } from "../../../src/replication/hints";
import { createSoloBus } from "../../../src/replication/bus";
import type { Bus } from "../../../src/replication/bus";
import { createHub } from "../../builders/hub";

const hintsOn = (bus: Bus, onError = (error: unknown): void => expect(error).toBeUndefined()): Hints =>
  createHints({ bus, channelPrefix: "test.local/hints/", onError });

test("a hint comes to every process once, the one that gives it included, and to nobody who does not heed it", async () => {
  const hub = createHub();
  const heard: string[] = [];
  const all = ["main", "worker"].map((name) => {
    const hints = hintsOn(hub.endpoint());
    hints.heed("admin_tasks", () => heard.push(`${name} admin_tasks`));
    return hints;
  });
  all[0]?.heed("partial_joins", () => heard.push("main partial_joins"));
  all[1]?.give("admin_tasks");
  all[1]?.give("partial_joins");
  await new Promise(setImmediate);
  expect(heard.sort()).toEqual(["main admin_tasks", "main partial_joins", "worker admin_tasks"]);
});

test("who is alone hears itself, and one that fails keeps nobody else from it", () => {
  const failures: unknown[] = [];
  const hints = hintsOn(createSoloBus(), (error) => failures.push(error));
  const heard: string[] = [];
  hints.heed("admin_tasks", () => {
    throw new Error("busy");
  });
  hints.heed("admin_tasks", () => heard.push("second"));
  hints.give("admin_tasks");
  expect(heard).toEqual(["second"]);
  expect(failures).toEqual([new Error("busy")]);
});

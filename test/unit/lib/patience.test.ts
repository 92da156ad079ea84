import { setTimeout as sleep } from "node:timers/promises";
import { once } from "node:events";
import { Patience } from "../../../src/lib/patience";

test("the time is over, but not while we are at work", async () => {
  const patience = new Patience(50);
  await patience.during(async () => {
    await sleep(200);
    expect(patience.signal.aborted).toBe(false);
  });
  await expect(patience.during(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  if (!patience.signal.aborted) await Promise.all([once(patience.signal, "abort"), sleep(100)]);
  expect(patience.signal.reason).toEqual(new Error("the answer takes too long"));
});

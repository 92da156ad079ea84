import { waitAtMost } from "../../../src/lib/waitAtMost";

test("ends with the work, and fails with it", async () => {
  await waitAtMost(Promise.resolve(1), 60_000);
  await expect(waitAtMost(Promise.reject(new Error("no")), 60_000)).rejects.toThrow("no");
});

test("waits no longer for what does not end", async () => {
  await waitAtMost(new Promise(() => undefined), 5);
});

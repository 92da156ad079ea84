import { createRateLimiter } from "../../../src/handlers/rateLimiter";
import { MatrixError } from "../../../src/errors";

function limiter() {
  const time = { ms: 0 };
  const limits = {
    rc_message: { per_second: 0.5, burst_count: 2 },
    rc_login: { address: { per_second: 1, burst_count: 1 }, account: { per_second: 0, burst_count: 1 } },
  } as unknown as Parameters<typeof createRateLimiter>[1];
  return { time, limiter: createRateLimiter({ now: () => time.ms, monotonic: () => time.ms }, limits) };
}

function refusal(fn: () => void): MatrixError | undefined {
  try {
    fn();
  } catch (error) {
    if (error instanceof MatrixError) return error;
    throw error;
  }
  return undefined;
}

test("a burst passes, then actions come back at the configured rate", () => {
  const { time, limiter: limits } = limiter();
  limits.check("rc_message", "@a:x");
  limits.check("rc_message", "@a:x");
  expect(refusal(() => limits.check("rc_message", "@a:x"))?.body()).toEqual({
    errcode: "M_LIMIT_EXCEEDED",
    error: "Too Many Requests",
    retry_after_ms: 2000,
  });
  limits.check("rc_message", "@b:x");
  time.ms = 1999;
  expect(limits.allows("rc_message", "@a:x")).toBe(false);
  time.ms = 2000;
  limits.check("rc_message", "@a:x");
  expect(limits.allows("rc_message", "@a:x")).toBe(false);
});

test("nested names, overrides, costs, limits that never leak", () => {
  const { limiter: limits } = limiter();
  limits.check("rc_login.address", "1.2.3.4");
  expect(refusal(() => limits.check("rc_login.address", "1.2.3.4"))?.extra).toEqual({ retry_after_ms: 1000 });
  limits.check("rc_message", "k", { cost: 5, override: { per_second: 1, burst_count: 5 } });
  limits.record("rc_login.account", "@a:x");
  expect(refusal(() => limits.check("rc_login.account", "@a:x"))?.extra).toEqual({ retry_after_ms: 86_400_000 });
  limits.check("rc_admin_redaction", "@a:x");
});

test("memory stays bounded, full buckets outlive empty ones", () => {
  const { time, limiter: limits } = limiter();
  limits.record("rc_login.account", "@full:x", { cost: 100 });
  for (let i = 0; i < 60_000; i++) {
    time.ms = i * 10_000;
    limits.check("rc_message", `@user${i}:x`);
  }
  expect(limits.allows("rc_login.account", "@full:x")).toBe(false);
});

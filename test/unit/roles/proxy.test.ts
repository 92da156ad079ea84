import { loadConfig } from "../../../src/config/load";
import { allGroups } from "../../../src/rest/registry";
import { compileRoutes } from "../../../src/rest/router";
import { plan } from "../../../src/roles/plan";
import { pathExpressions } from "../../../src/roles/proxy/pathPatterns";
import { proxyModel, ProxyConfigError } from "../../../src/roles/proxy/proxyModel";
import { classOf } from "../../../src/roles/proxy/requestClasses";
import { deploymentFiles } from "../../builders/proxyDeployment";

const plans = (files: ReturnType<typeof deploymentFiles>) => {
  const main = loadConfig([files.main]).config;
  return { config: main, plans: [plan(main).plan, ...files.workers.map((file) => plan(loadConfig([files.main, file]).config).plan)] };
};

const fill = (pattern: string): string =>
  pattern
    .replace(/\/\?$/, "")
    .replace(/:\w+\(([^|)]+)[^)]*\)/g, "$1")
    .replace(/:\w+\*?/g, "%21x%2Fy:z");

describe("expressions of paths", () => {
  test.each([
    [["/_matrix/client/v3/sync", "/_matrix/client/r0/sync"], ["^/_matrix/client/(r0|v3)/sync"]],
    [["/_matrix/client/api/v1/publicRooms", "/_matrix/client/v3/publicRooms"], ["^/_matrix/client/(api/v1|v3)/publicRooms"]],
    [["/_matrix/client/v3/devices", "/_matrix/client/v3/devices/:deviceId"], ["^/_matrix/client/v3/devices(/[^/]*)?"]],
    [["/_matrix/client/v3/login/:kind(sso|cas)/redirect"], ["^/_matrix/client/v3/login/(sso|cas)/redirect"]],
    [["/a/b/c/d.e/:rest*"], ["^/a/b/c/d\\.e/.*"]],
  ])("%j", (patterns, expressions) => {
    expect(pathExpressions(patterns)).toEqual(expressions);
  });

  test("each route is matched by those of its class, and by no others", () => {
    const { rules } = proxyModel(...modelArguments());
    const wrong = compileRoutes(allGroups).compiled.flatMap((route) => {
      const path = fill(route.pattern);
      const matching = rules.filter(({ expressions }) => expressions.some((one) => new RegExp(`${one}$`).test(path)));
      const names = matching.map(({ name }) => name);
      const wanted = classOf(route)?.name;
      return names.join() === (wanted ?? "") ? [] : [`${path}: ${names.join()} instead of ${wanted ?? "none"}`];
    });
    expect(wrong).toEqual([]);
  });
});

function modelArguments(): Parameters<typeof proxyModel> {
  const { config, plans: all } = plans(deploymentFiles({ main: 8008, workerA: 8081, workerB: 8082, media: 8085 }));
  return [config, all];
}

describe("who gets what", () => {
  const targets = (model: ReturnType<typeof proxyModel>, name: string): string[] =>
    model.rules.find((rule) => rule.name === name)?.targets.map((target) => target.name) ?? [];

  test("workers have the requests of clients and servers", () => {
    const model = proxyModel(...modelArguments());
    expect(targets(model, "sync")).toEqual(["worker_a", "worker_b"]);
    expect(targets(model, "federation_send")).toEqual(["worker_a", "worker_b"]);
    expect(model.main).toEqual({ name: "main", at: { host: "127.0.0.1", port: 8008 } });
  });

  test("the main process has everything where there are no workers", () => {
    const [config, [main]] = modelArguments();
    const model = proxyModel(config, main ? [main] : []);
    expect(targets(model, "room")).toEqual(["main"]);
    expect(targets(model, "federation")).toEqual(["main"]);
  });

  test("without a listener of the main process there is nothing to write", () => {
    const [config, [, ...workers]] = modelArguments();
    expect(() => proxyModel(config, workers)).toThrow(ProxyConfigError);
  });
});

test("no expression is longer than nginx reads", () => {
  const { rules } = proxyModel(...modelArguments());
  expect(Math.max(...rules.flatMap(({ expressions }) => expressions.map((one) => one.length)))).toBeLessThan(4000);
});

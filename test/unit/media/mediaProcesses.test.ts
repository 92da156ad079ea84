import { mediaAddress } from "../../../src/handlers/media/mediaProcesses";
import type { MediaListener } from "../../../src/handlers/media/mediaProcesses";
import type { InstanceAddress } from "../../../src/replication/rpcTransport";
import { headersOnward } from "../../../src/replication/forward";

const tcp = (port: number, ...bind_addresses: string[]): MediaListener => ({ bind_addresses, port, path: undefined });
const unix = (path: string): MediaListener => ({ bind_addresses: [], port: undefined, path });

test.each<[string, string, MediaListener[], InstanceAddress | undefined]>([
  ["nothing", "one", [], undefined],
  ["a loopback address here", "one", [tcp(8085, "127.0.0.1")], { host: "127.0.0.1", port: 8085 }],
  ["a socket here", "one", [unix("/run/media.sock")], { path: "/run/media.sock" }],
  ["all addresses here", "one", [tcp(8085, "::", "0.0.0.0")], { host: "127.0.0.1", port: 8085 }],
  ["a loopback address elsewhere", "two", [tcp(8085, "127.0.0.1", "::1")], undefined],
  ["a socket elsewhere", "two", [unix("/run/media.sock")], undefined],
  ["an address elsewhere", "two", [unix("/x"), tcp(8085, "127.0.0.1", "10.0.0.2")], { host: "10.0.0.2", port: 8085 }],
  ["all addresses elsewhere", "two", [tcp(8085, "0.0.0.0")], { host: "two", port: 8085 }],
  ["all addresses elsewhere, in instance_map", "two-mapped", [tcp(8085, "")], { host: "mapped.internal", port: 8085 }],
])("where media is: %s", (_what, host, media_listeners, expected) => {
  const [hostname = "", mapped] = host.split("-");
  const addresses: Record<string, InstanceAddress> = mapped === undefined ? {} : { media1: { host: "mapped.internal", port: 9093 } };
  expect(mediaAddress({ name: "media1", hostname, media_listeners }, { hostname: "one", addresses })).toEqual(expected);
});

test("what is about one connection does not go on", () => {
  const headers = {
    authorization: "Bearer abc",
    range: "bytes=1-2",
    "content-length": "5",
    host: "example.org",
    connection: "keep-alive, X-Once",
    "x-once": "1",
    "transfer-encoding": "chunked",
    expect: "100-continue",
    "x-forwarded-for": "1.2.3.4",
  };
  expect(headersOnward(headers)).toEqual({ authorization: "Bearer abc", range: "bytes=1-2", "content-length": "5" });
});

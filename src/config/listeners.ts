import type { LoadContext } from "./context";
import type { ConfigValues, Listener } from "./types.generated";

const RESOURCES = ["client", "consent", "federation", "health", "keys", "media", "metrics", "openid", "replication", "static"];
const EVERYWHERE = ["::", "0.0.0.0"];

/** Checks listeners and fills in what depends on their type. */
export function completeListeners(config: ConfigValues, key: "listeners" | "worker_listeners", context: LoadContext): Listener[] {
  return config[key].map((listener, index) => complete(listener, `${key}[${index}]`, context));
}

function complete(listener: Listener, path: string, context: LoadContext): Listener {
  checkAddress(listener, path, context);
  for (const [index, resource] of listener.resources.entries()) {
    const unknown = resource.names.filter((name) => !RESOURCES.includes(name));
    if (unknown.length === 0) continue;
    context.problem({ key: `${path}.resources[${index}].names`, found: unknown.join(", "), wanted: `only ${RESOURCES.join(", ")}` });
  }
  if (Object.keys(listener.additional_resources).length > 0) {
    context.warn({ key: `${path}.additional_resources`, wanted: "has no effect: Python classes cannot be loaded" });
  }
  if (listener.path !== undefined) {
    return { ...listener, bind_addresses: [], mode: listener.mode ?? 0o666, x_forwarded: true };
  }
  return { ...listener, bind_addresses: bindAddresses(listener) };
}

function checkAddress(listener: Listener, path: string, context: LoadContext): void {
  if (listener.type === "replication" && listener.tls)
    context.problem({ key: `${path}.tls`, wanted: "a listener of type replication cannot speak TLS" });
  if (listener.path === undefined && listener.port === undefined) {
    context.problem({ key: `${path}.port`, wanted: "must be given (or path, for a unix socket)" });
  }
  if (listener.path === undefined) return;
  if (listener.port !== undefined) context.problem({ key: `${path}.path`, wanted: "give either port or path, not both" });
  if (listener.tls) context.problem({ key: `${path}.tls`, wanted: "a unix socket cannot speak TLS" });
  if (listener.type === "manhole") context.problem({ key: `${path}.path`, wanted: "a manhole needs a port" });
  if (listener.type === "replication")
    context.problem({ key: `${path}.path`, wanted: "workers find a listener of type replication by its port" });
}

/** Old files write '' for all addresses. */
function bindAddresses(listener: Listener): readonly string[] {
  const given = listener.bind_addresses as readonly string[] | undefined;
  if (given === undefined) return listener.type === "http" ? EVERYWHERE : ["127.0.0.1"];
  return given.flatMap((address) => (address === "" ? EVERYWHERE : [address]));
}

import type { InstanceAddress } from "../replication/rpcTransport";

/** Whether an address in `instance_map` is that of the listener. Host names and addresses may be written in many ways, so ports decide. */
export function isAt(listener: { readonly port?: number; readonly path?: string }, address: InstanceAddress): boolean {
  return "path" in address ? listener.path === address.path : listener.port === address.port;
}

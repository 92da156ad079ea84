/** The names of a server's channels and keys in Redis, which several servers may share. v1 is the format of what is said in them. */
export function channelsOf(serverName: string) {
  const prefix = `${serverName}/synapse-ts/v1/`;
  return {
    /** Each stream has the channel of its name after it. */
    streams: prefix,
    /** Each kind of hint has the channel of its name after it. */
    hints: `${prefix}hints/`,
    digest: `${prefix}digest`,
    leases: `${prefix}leases`,
    status: `${prefix}status`,
    /** Not a channel: what the keys of shared caches begin with. */
    caches: `${prefix}cache/`,
  } as const;
}

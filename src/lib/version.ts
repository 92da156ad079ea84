/** As in package.json; a test compares them. */
export const VERSION = "0.1.0";

/** The Synapse whose behaviour this follows. Clients and admin tools gate features on it. */
export const COMPATIBLE_VERSION = "1.163.2";

/** Value of the `Server` header. */
export const SERVER_HEADER = `Synapse/${COMPATIBLE_VERSION} (synapse-ts ${VERSION})`;

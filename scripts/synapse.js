// Installs the Synapse that test/federation talks to. SYNAPSE_TS_TEST_SYNAPSE names another.
const { virtualEnvironment } = require("./virtualEnvironment");

const VERSION = "1.163.2";
/** For what is measured beside it (test/load): the tests let it use SQLite. */
const DRIVER = "2.9.13";
const { installed: installedSynapse, ensure } = virtualEnvironment(`synapse-${VERSION}-psycopg2-${DRIVER}`, [
  `matrix-synapse==${VERSION}`,
  `psycopg2-binary==${DRIVER}`,
]);

module.exports = { installedSynapse };

if (require.main === module && !process.env.SYNAPSE_TS_TEST_SYNAPSE) ensure();

// Installs the Synapse that test/federation talks to. SYNAPSE_TS_TEST_SYNAPSE names another.
const { virtualEnvironment } = require("./virtualEnvironment");

const VERSION = "1.163.2";
const { installed: installedSynapse, ensure } = virtualEnvironment(`synapse-${VERSION}`, [`matrix-synapse==${VERSION}`]);

module.exports = { installedSynapse };

if (require.main === module && !process.env.SYNAPSE_TS_TEST_SYNAPSE) ensure();

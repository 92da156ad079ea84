// Installs the clients and the bridge in Python that test/clients has beside those in JavaScript.
const { virtualEnvironment } = require("./virtualEnvironment");

const { installed: installedPythonClients, ensure } = virtualEnvironment("nio-0.26.0-mautrix-0.21.1", [
  "matrix-nio[e2e]==0.26.0",
  "mautrix==0.21.1",
]);

module.exports = { installedPythonClients };

if (require.main === module) ensure();

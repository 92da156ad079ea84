// Runs a bundle that was just made, for its code cache: V8 then has not to compile again what every start needs.
const { writeFileSync } = require("node:fs");
const { load } = require("../bin/load");

const [program] = process.argv.slice(2);
const { exports: cli, script } = load(program);
cli.prepare().then(() => writeFileSync(`${program}.cache`, script.createCachedData()));

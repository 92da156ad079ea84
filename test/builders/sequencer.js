const { relative } = require("node:path");
const { default: Sequencer } = require("@jest/test-sequencer");

/** Folders of tests that take long, the longest first. */
const LONG = ["faults", "federation", "clients", "workers"];

/** Begins with what takes long, lest a single file runs for minutes when all others are done. */
module.exports = class extends Sequencer {
  sort(tests) {
    const place = ({ context, path }) => {
      const [, folder] = relative(context.config.rootDir, path).split("/");
      return LONG.includes(folder) ? LONG.indexOf(folder) : LONG.length;
    };
    return super.sort(tests).sort((a, b) => place(a) - place(b));
  }
};

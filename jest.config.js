/** @type {import("jest").Config} */
module.exports = {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "commonjs" } }] },
  testEnvironment: "<rootDir>/test/builders/environment.js",
  testSequencer: "<rootDir>/test/builders/sequencer.js",
  globalSetup: "<rootDir>/test/builders/globalSetup.ts",
  globalTeardown: "<rootDir>/test/builders/globalTeardown.ts",
  testTimeout: 120_000,
  maxWorkers: 2,
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
};

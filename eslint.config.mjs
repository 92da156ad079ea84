import tseslint from "typescript-eslint";

/** The clock and randomness are injected, so that tests can hold them still. */
const impure = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: "Use lib/clock." },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "Use lib/clock." },
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: "Use lib/random." },
  { selector: "CallExpression[callee.name=/^random(UUID|Bytes|Int)$/]", message: "Use lib/random." },
  { selector: "TSEnumDeclaration", message: "Use a union of string literals." },
  { selector: "ExportAllDeclaration", message: "No barrels: import from the file that declares it." },
];

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "coverage/", "data/", "src/config/types.generated.ts"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
      "@typescript-eslint/consistent-type-imports": "error",
      "prefer-const": "error",
      eqeqeq: ["error", "always"],
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-console": "error",
      "max-lines": ["error", { max: 400 }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      "no-restricted-syntax": ["error", ...impure],
    },
  },
  { files: ["src/lib/clock.ts", "src/lib/random.ts"], rules: { "no-restricted-syntax": "off" } },
);

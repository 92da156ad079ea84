import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

export const root = join(__dirname, "..", "..", "..");

/** Names of all files below a folder of the project, such as `storage/db.ts` below `src`. */
export function filesBelow(folder: string, ending = ".ts"): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .sort();
}

export interface Import {
  /** As written. */
  readonly name: string;
  /** Below the same folder, for a relative one. */
  readonly file: string | undefined;
  /** Gone at run time. */
  readonly isType: boolean;
}

export interface Source {
  /** Below its folder: `storage/db.ts`. */
  readonly file: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  /** Static and dynamic ones, and `import("x").T`. */
  readonly imports: readonly Import[];
}

/** Calls fn with every node of the tree. */
export function walk(node: ts.Node, fn: (node: ts.Node) => void): void {
  fn(node);
  ts.forEachChild(node, (child) => walk(child, fn));
}

/** Every TypeScript file below a folder of the project, parsed. */
export function sourcesBelow(folder: string): Source[] {
  return filesBelow(folder).map((file) => {
    const text = readFileSync(join(root, folder, file), "utf8");
    const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    return { file, text, tree, imports: importsOf(file, tree) };
  });
}

function importsOf(file: string, tree: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (name: ts.Node | undefined, isType: boolean): void => {
    if (!name || !ts.isStringLiteralLike(name)) throw new Error(`${file} imports what isn't a plain string`);
    const target = name.text.startsWith(".") ? `${join(dirname(file), name.text)}.ts` : undefined;
    found.push({ name: name.text, file: target, isType });
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false);
  });
  return found;
}

/** Names of the functions that a file exports. */
export function functionsExportedBy({ tree }: Source): string[] {
  return tree.statements.flatMap((statement) => {
    if (!ts.isFunctionDeclaration(statement) || !statement.name) return [];
    return statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ? [statement.name.text] : [];
  });
}

/** Every name that a file uses or declares. */
export function namesIn({ tree }: Source): Set<string> {
  const names = new Set<string>();
  walk(tree, (node) => {
    if (ts.isIdentifier(node)) names.add(node.text);
  });
  return names;
}

import { readFile, readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Environment } from "minijinja-js";
import type { Config } from "../../config/config";
import { ConfigError } from "../../config/problems";
import type { Logger } from "../../observe/logger";
import { mxcToHttp, printf, strftime, truncate, urlencode } from "./filters";
import { fileOf, templateDefs, templateNames } from "./names";
import type { TemplateName, TemplateValues } from "./names";
import { templateParts } from "./parts";
import { adaptSource } from "./source";

/** The operator's own texts of mails and pages (`templates.custom_template_directory`). */
export interface Templates {
  /**
   * Reads the operator's templates and tries each with values as they may be. The engine is loaded only for who has templates. Throws a
   * ConfigError that names the file and line of whatever cannot be used.
   */
  load(): Promise<void>;
  /** The operator's template of this name, filled in; undefined where they have none, or it fails with these values. */
  render(name: TemplateName, values: TemplateValues): string | undefined;
}

const KEY = "templates.custom_template_directory";
/** What a template may be made of; all else in the directory is not looked at. */
const KINDS = new Set([".html", ".htm", ".txt", ".css", ".js", ".svg", ".xml", ".json", ".jinja", ".jinja2", ".j2"]);
const MAX_FILES = 1_000;
const MAX_BYTES = 1_048_576;
/** Steps of the engine for one text: a mail takes some thousands. */
const FUEL = 2_000_000;

interface Loaded {
  readonly engine: Environment;
  /** The operator's templates and their files. */
  readonly names: ReadonlyMap<TemplateName, string>;
}

/** None are there before they are loaded. */
export function createTemplates(config: Config, log: Logger): Templates {
  let loaded: Loaded | undefined;
  return {
    async load() {
      loaded = await loadTemplates(config, log);
    },
    render(name, values) {
      const file = loaded?.names.get(name);
      if (!loaded || file === undefined) return undefined;
      try {
        return fill(loaded.engine, file, values);
      } catch (error) {
        log.error(`The template ${file} cannot be filled in, so the built-in text is used: ${reasonOf(error)}`);
        return undefined;
      }
    },
  };
}

async function loadTemplates(config: Config, log: Logger): Promise<Loaded | undefined> {
  const directory = config.templates.custom_template_directory;
  if (directory === undefined) return undefined;
  const files = await readTemplates(directory);
  const names = new Map(templateNames.map((name) => [name, fileOf(name, config.email)] as const));
  for (const [name, file] of names) {
    if (file !== name && !files.has(file)) throw wrong(`there is no ${file}, which the section "email" names`);
    if (!files.has(file)) names.delete(name);
  }
  if (names.size === 0) return undefined;
  const engine = await createEngine(config);
  addTemplates(engine, files, new Set(names.values()), log);
  for (const [name, file] of names) {
    try {
      fill(engine, file, templateDefs[name].sample);
    } catch (error) {
      throw wrong(`${file} cannot be used: ${reasonOf(error)}`);
    }
  }
  return { engine, names };
}

/** The engine escapes slashes, Jinja does not: in links of mails they are only hard to read. */
const fill = (engine: Environment, file: string, values: TemplateValues): string =>
  engine.renderTemplate(file, values).replaceAll("&#x2f;", "/");

const wrong = (wanted: string): ConfigError => new ConfigError([{ key: KEY, wanted }]);

/** One line, which ends with `(in file:line)`; what the engine shows of the source is left out. */
function reasonOf(error: unknown): string {
  const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return first;
}

/** By path below the directory, with slashes. */
async function readTemplates(directory: string): Promise<Map<string, string>> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) throw wrong(`there is no directory ${directory}`);
  const entries = await readdir(directory, { recursive: true });
  const wanted = entries.filter((name) => KINDS.has(extname(name).toLowerCase())).sort();
  if (wanted.length > MAX_FILES) throw wrong(`${directory} has more than ${MAX_FILES} files of templates`);
  const files = new Map<string, string>();
  for (const name of wanted) {
    const path = join(directory, name);
    const facts = await stat(path);
    if (!facts.isFile()) continue;
    if (facts.size > MAX_BYTES) throw wrong(`${path} is larger than ${MAX_BYTES} bytes`);
    files.set(name.replaceAll("\\", "/"), await readFile(path, "utf8"));
  }
  return files;
}

async function createEngine({ derived, server_name: serverName }: Config): Promise<Environment> {
  const { Environment: Engine } = await import("minijinja-js");
  const engine = new Engine();
  engine.enablePyCompat();
  engine.fuel = FUEL;
  engine.addGlobal("server_name", serverName);
  engine.addFilter("format_ts", (value: number, format: string) => strftime(new Date(value), format));
  engine.addFilter("mxc_to_http", (value: unknown, width: unknown, height: unknown, method: unknown = "crop") =>
    mxcToHttp(derived.publicBaseurl, value, { width, height, method }),
  );
  engine.addFilter("localpart_from_email", (address: string) => address.replace(/@[^@]*$/, ""));
  engine.addFilter("format", (format: string, ...values: unknown[]) => printf(format, values));
  engine.addFilter("urlencode", urlencode);
  engine.addFilter("truncate", truncate);
  return engine;
}

function addTemplates(engine: Environment, files: ReadonlyMap<string, string>, used: ReadonlySet<string>, log: Logger): void {
  for (const [name, source] of [...Object.entries(templateParts), ...files]) {
    try {
      engine.addTemplate(name, adaptSource(source));
    } catch (error) {
      if (used.has(name)) throw wrong(`${name} cannot be used: ${reasonOf(error)}`);
      log.warn(`${name} in the directory of templates cannot be used: ${reasonOf(error)}`);
    }
  }
}

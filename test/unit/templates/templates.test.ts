import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { printf, strftime, truncate, urlencode } from "../../../src/handlers/templates/filters";
import type { TemplateName, TemplateValues } from "../../../src/handlers/templates/names";
import { templateDefs } from "../../../src/handlers/templates/names";
import { createTemplates } from "../../../src/handlers/templates/templates";
import type { Templates } from "../../../src/handlers/templates/templates";
import { testConfig } from "../../builders/config";

let directory: string;
const said: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "templates-"));
  said.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true }));

async function load(files: Readonly<Record<string, string>>, email: object = {}): Promise<Templates> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  const config = testConfig({
    public_baseurl: "https://matrix.test.local/",
    templates: { custom_template_directory: directory },
    email: { smtp_host: "x", notif_from: "x@example.com", ...email },
  });
  const say = (message: string | (() => string)): void => void said.push(typeof message === "string" ? message : message());
  const templates = createTemplates(config, { debug: say, info: say, warn: say, error: say, isEnabled: () => true });
  await templates.load();
  return templates;
}

const sample = (name: TemplateName): TemplateValues => templateDefs[name].sample;

/** One template is enough to see what the engine makes of its text. */
async function filled(text: string, values: TemplateValues = {}, more: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  const name = "password_reset.html";
  return (await load({ [name]: text, ...more })).render(name, { ...sample(name), ...values });
}

test.each([
  ["{{ link }}", "https://x/?a=1&amp;b=&lt;2&gt;"],
  ["{% if app_name == 'Element' %}E{% elif app_name == \"Matrix\" %}M{% else %}O{% endif %}", "M"],
  ["{%- for i in [1, 2] -%} {{ loop.index0 }}{{ i }} {%- endfor -%} x", "0112x"],
  [
    '{% include "mail-%s.css" % app_name ignore missing without context %}|{% include "mail-%s.css" % other ignore missing %}',
    "matrix css|",
  ],
  ['{{ "%.1f"|format(600000 / (60*1000)) }} {{ "%s-%s" % (app_name, 3) }}', "10.0 Matrix-3"],
  ["{% set a = 7 %}{{ a % 3 }}{{ 'b' ~ a }}{{ 'yes' if a else 'no' }}", "1b7yes"],
  ["{% macro m(a, b='c') %}<i>{{ a }}{{ b }}</i>{% endmacro %}{{ m('<') }}", "<i>&lt;c</i>"],
  ["{{ link|safe }}{{ none_of_these }}{# no #}", "https://x/?a=1&b=<2>"],
  [
    "{{ server_name }} {{ 'mxc://a/b#auto'|mxc_to_http(32, 48) }}",
    "test.local https://matrix.test.local/_matrix/media/v1/thumbnail/a/b?width=32&amp;height=48&amp;method=crop#auto",
  ],
  ["{{ 'https://a'|mxc_to_http(1, 1) }}{{ 'al@ice@b.c'|localpart_from_email }}", "al@ice"],
  ["{{ link|urlencode }} {{ {'a': '<'}|tojson }}", 'https%3A//x/%3Fa%3D1%26b%3D%3C2%3E {"a":"\\u003c"}'],
  ["{{ link.startswith('h') }} {{ link|upper|length }} {{ link[:5] }}", "true 20 https"],
  ["<style>a{content:'50%';width:5% }</style>{% raw %}{{ x }}{% endraw %}", "<style>a{content:'50%';width:5% }</style>{{ x }}"],
])("Jinja: %s", async (text, expected) => {
  const values = { link: "https://x/?a=1&b=<2>", other: "none" };
  expect(await filled(text, values, { "mail-Matrix.css": "matrix css" })).toBe(expected);
});

test("templates that were made from Synapse's extend and include what the operator has no file for", async () => {
  const page =
    '{% extends "_base.html" %}{% block title %}T{% endblock %}{% block header %}<style>{% include "sso.css" without context %}</style>{% endblock %}';
  const text = await filled(`${page}{% block body %}<p>{{ link }}</p>{% include "sso_footer.html" without context %}{% endblock %}`, {
    link: "l",
  });
  expect(text).toMatch(/<title>T<\/title>[^]*<p>l<\/p>/);
  const mail = await load({
    "notif_mail.html":
      '{{ summary_text }}{% for room in rooms %}{%- include "room.html" with context %}{% endfor %}{{ reason.now|format_ts("%Y") }}',
    "notif_mail.txt": '{% for room in rooms %}{% include "room.txt" %}{% endfor %}',
  });
  expect(mail.render("notif_mail.html", sample("notif_mail.html"))).toMatch(
    /You have messages[^]*Hello &amp;[^]*View Room[^]*Join the conversation[^]*2023/,
  );
  expect(mail.render("notif_mail.txt", sample("notif_mail.txt"))).toMatch(
    /Room[^]*Hello &\n[^]*An encrypted message[^]*https:\/\/matrix.to\/#\/!room\/\$event/,
  );
});

test("texts are not escaped for HTML, and their own files take the place of built-in parts", async () => {
  const templates = await load({ "registration.txt": '{% include "parts/head.txt" %}: {{ link }}', "parts/head.txt": "<{{ app_name }}>" });
  expect(templates.render("registration.txt", { app_name: "A&B", link: "x?a&b" })).toBe("<A&B>: x?a&b");
  expect(templates.render("registration.html", {})).toBeUndefined();
});

test("the section email names other files", async () => {
  const templates = await load({ "own/reset.html": "own {{ link }}" }, { password_reset_template_html: "own/reset.html" });
  expect(templates.render("password_reset.html", { link: "l" })).toBe("own l");
  await expect(load({}, { registration_template_text: "none.txt" })).rejects.toThrow(/there is no none\.txt/);
});

test.each([
  ["does not close", "a\nb {% if link %}", /password_reset\.html cannot be used: .*\(in password_reset\.html:2\)/],
  [
    "has a filter that there is not",
    "\n\n{{ link|sparkle }}",
    /password_reset\.html cannot be used: .*sparkle.*\(in password_reset\.html:3\)/,
  ],
  ["reads what is not there", "{{ user.name }}", /password_reset\.html cannot be used: .*\(in password_reset\.html:1\)/],
  ["includes what is not there", '{% include "nowhere.html" %}', /password_reset\.html cannot be used: .*nowhere\.html/],
  ["does not end", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", /password_reset\.html cannot be used/],
  [
    "counts for ever",
    "{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}",
    /password_reset\.html cannot be used: .*fuel/,
  ],
])("a template that %s keeps the process from starting, and says where", async (_, text, message) => {
  await expect(filled(text)).rejects.toThrow(message);
});

test("a directory that is not there is told of", async () => {
  rmSync(directory, { recursive: true });
  await expect(
    createTemplates(testConfig({ templates: { custom_template_directory: directory } }), {
      ...console,
      isEnabled: () => false,
    } as never).load(),
  ).rejects.toThrow(`templates.custom_template_directory: there is no directory ${directory}`);
  mkdirSync(directory);
});

test("what fails later is replaced by the built-in text, and logged", async () => {
  const templates = await load({
    "sso_error.html": "{{ error.missing.more }}{{ error_description }}".replace(
      "error.missing.more",
      "x[error].y if error == 'odd' else ''",
    ),
  });
  expect(templates.render("sso_error.html", { error: "plain", error_description: "d" })).toBe("d");
  expect(templates.render("sso_error.html", { error: "odd" })).toBeUndefined();
  expect(said).toEqual([expect.stringMatching(/sso_error\.html cannot be filled in, so the built-in text is used: /)]);
});

test("values of strangers are text, whatever is in them", async () => {
  const hostile = { failure_reason: "{{ 7 * 7 }}{% include '/etc/passwd' %}<script>'\"&", __proto__: { x: 1 } };
  const templates = await load({
    "registration_failure.html": "{{ failure_reason }}|{{ failure_reason.__class__ }}|{{ failure_reason.constructor }}",
  });
  expect(templates.render("registration_failure.html", hostile)).toBe(
    "{{ 7 * 7 }}{% include &#x27;/etc/passwd&#x27; %}&lt;script&gt;&#x27;&quot;&amp;||",
  );
});

test("filters", () => {
  const date = new Date(2026, 0, 5, 14, 7, 9);
  expect(strftime(date, "%c|%d-%m-%Y %H:%M:%S|%a %A %b %B|%I %p %y %j %e %% %Q")).toBe(
    "Mon Jan  5 14:07:09 2026|05-01-2026 14:07:09|Mon Monday Jan January|02 PM 26 005  5 % %Q",
  );
  expect(printf("%s %d %5.2f|%-4s|%04d|%x|%%", ["a", 3.9, 2.345, "b", 7, 255])).toBe(
    "a 3  2.35|b   |0007|ff|%".replace("2.35", (2.345).toFixed(2)),
  );
  expect(() => printf("%s %s", ["a"])).toThrow("not enough arguments");
  expect([urlencode("a b/ü&"), urlencode({ a: "b c", d: 1 })]).toEqual(["a%20b/%C3%BC%26", "a=b%20c&d=1"]);
  expect([truncate("one two three four", 10), truncate("short", 10), truncate("one two three four", 10, true)]).toEqual([
    "one...",
    "short",
    "one two...",
  ]);
});

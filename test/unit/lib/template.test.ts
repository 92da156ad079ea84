import { TemplateError, fillTemplate } from "../../../src/lib/template";

const values = { name: "<b>", yes: true, no: false, empty: "" };

test.each([
  ["Hello {{ name }}", "Hello &lt;b&gt;"],
  ["{{name|safe}}{{ name | e }}", "<b>&lt;b&gt;"],
  ["{{ unknown }}.", "."],
  ["{% if yes %}a{% else %}b{% endif %}", "a"],
  ["{% if no %}a{% else %}b{% endif %}", "b"],
  ["{% if not no %}a{% endif %}c", "ac"],
  ["{% if empty %}a{% elif yes %}b{% else %}c{% endif %}", "b"],
  ["{% if yes %}a{% elif yes %}b{% else %}c{% endif %}", "a"],
  ["{% if no %}{% if yes %}a{% else %}b{% endif %}{% else %}c{% endif %}", "c"],
  ["a{# {{ name }} #}b", "ab"],
  ["{%- if yes -%}a{%- endif -%}", "a"],
])("%s", (template, filled) => {
  expect(fillTemplate(template, values)).toBe(filled);
});

test.each(["{% if yes %}", "{% endif %}", "{% else %}", "{% for x in y %}{% endfor %}"])("%s cannot be filled in", (template) => {
  expect(() => fillTemplate(template, values)).toThrow(TemplateError);
});

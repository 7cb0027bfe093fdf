#!/usr/bin/env bash
# Chat templates are Jinja, and the JavaScript package that browsers render them with (@huggingface/jinja, used by transformers.js) differs from
# Jinja2 (which transformers uses in Python) where a template author would not look for it. Seen with @huggingface/jinja 0.5.11 on Node.js 20:
#   - a plain {% set %} inside a loop is still there in the next round, so it adds up; in Jinja2 every round begins with the value from outside
#     (its documentation: assignments inside a block are not seen outside of it, and loops have a scope of their own);
#   - == compares as JavaScript does: 1 == '1' holds, and none equals a variable that does not exist; neither does in Jinja2;
#   - the length of a text counts UTF-16 units, so a character outside the basic plane counts twice; Jinja2 counts characters.
# A template that counts turns with a plain set therefore shows another prompt in the browser than in Python. Fails if any of it changes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/jinja@0.5.11 >/dev/null
cat > check.mjs <<'JS'
import { Template } from "@huggingface/jinja";
import { readFileSync } from "node:fs";

const version = JSON.parse(readFileSync("node_modules/@huggingface/jinja/package.json", "utf8")).version;
const cases = [
  ["a set inside a loop", "{% set n = 0 %}{% for x in xs %}{% set n = n + x %}{{ n }} {% endfor %}{{ n }}", { xs: [3, 1, 2] }, "3 4 6 0", "3 1 2 0"],
  ["a number equals its text", "{{ 'same' if 1 == '1' else 'other' }}", {}, "same", "other"],
  ["none equals what is not there", "{{ 'same' if none == missing else 'other' }}", {}, "same", "other"],
  ["length of one character", "{{ '\u{20000}' | length }}", {}, "2", "1"],
];
let changed = 0;
console.log(`@huggingface/jinja ${version}`);
for (const [what, template, values, here, jinja2] of cases) {
  const got = new Template(template).render(values);
  console.log(`${what}: ${got} (Jinja2: ${jinja2})`);
  changed += got === here ? 0 : 1;
}
process.exit(changed);
JS
node check.mjs

#!/usr/bin/env python3
"""test_schema.py - schema/ against the field tables, the examples and what runbox prints

The field tables of src/spec, as tests/schema/fields prints them, and schema/config.schema.json must
name the same keys with the same types, ranges, words and required members, both ways. Each document
under good/ is taken, each under bad/ refused, by the decoder and by the schema. The validator of
JSON Schema is python3-jsonschema; without it those checks are skipped.
"""
import glob
import json
import os
import subprocess

SRC = os.environ.get("SRCDIR", ".")
BUILD = os.environ.get("BUILDDIR", ".")
FIELDS = os.path.join(BUILD, "tests/schema/fields")
RUNBOX = os.environ.get("RUNBOX", os.path.join(BUILD, "runbox"))

try:
    import jsonschema
except ImportError:
    jsonschema = None

count = failed = 0


def result(good, name, why=""):
    """One line of TAP, and the reason of a failure as a comment."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good and why:
        print("\n".join("#   " + line for line in str(why).splitlines()[:20]))
    return good


def skip(name, reason):
    """A check that this machine cannot do."""
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {reason}")


def load(name):
    """schema/NAME.schema.json"""
    with open(os.path.join(SRC, "schema", name + ".schema.json"), encoding="utf-8") as f:
        return json.load(f)


def describe(node):
    """The type of a schema node, in the words of tests/schema/fields."""
    if "enum" in node:
        # "" is there where it counts as absent
        return "enum " + "|".join(sorted(w for w in node["enum"] if w))
    kind = node["type"]
    if kind in ("integer", "number"):
        return f"{kind} {node['minimum']}..{node['maximum']}"
    if kind == "object" and "additionalProperties" in node:
        return "map"
    if kind == "object" and "properties" not in node:
        return "any"
    return kind


def flatten(schema, node, path, required, out):
    """The schema as the lines that tests/schema/fields prints: path -> type."""
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    if path:
        out[path] = describe(node) + (" !" if required else "")
    for key, child in node.get("properties", {}).items():
        flatten(schema, child, f"{path}.{key}" if path else key, key in node.get("required", []), out)
    if "items" in node:
        flatten(schema, node["items"], path + "[]", False, out)
    if isinstance(node.get("additionalProperties"), dict):
        flatten(schema, node["additionalProperties"], path + "{}", False, out)


def test_fields():
    """Both ways, one result a key that differs and one for the whole."""
    text = subprocess.run([FIELDS], check=True, stdout=subprocess.PIPE, text=True).stdout
    tables = dict(line.split(" ", 1) for line in text.splitlines())
    schema = {}
    config = load("config")
    flatten(config, config, "", False, schema)
    wrong = [f"{p}: only in the field tables" for p in tables if p not in schema]
    wrong += [f"{p}: only in the schema" for p in schema if p not in tables]
    wrong += [f"{p}: {tables[p]} in the tables, {schema[p]} in the schema"
              for p in tables if p in schema and tables[p] != schema[p]]
    result(not wrong, f"{len(tables)} keys are the same in tables and schema", "\n".join(wrong))
    result(len(tables) > 400, "and there are more than 400 of them")


def valid(schema, document):
    """None, or why the document is not valid."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(document)
    return next((f"{e.json_path}: {e.message[:200]}" for e in errors), None)


def test_metaschema():
    """Each schema is a schema."""
    for name in ("config", "features", "plan", "state"):
        schema = load(name)
        if jsonschema is None:
            skip(f"{name}.schema.json is a schema", "python3-jsonschema is not installed")
            continue
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
            result(True, f"{name}.schema.json is a schema")
        except jsonschema.SchemaError as e:
            result(False, f"{name}.schema.json is a schema", e.message)


def test_examples():
    """good/ and bad/, by decoder and schema."""
    config = load("config")
    for want in ("good", "bad"):
        files = sorted(glob.glob(os.path.join(SRC, "tests/schema", want, "*.json")))
        result(len(files) > 10, f"{len(files)} {want} examples")
        text = subprocess.run([FIELDS] + files, check=True, stdout=subprocess.PIPE, text=True).stdout
        for path, line in zip(files, text.splitlines()):
            name = f"{want}/{os.path.basename(path)}"
            result(line.startswith("ok") == (want == "good"), f"{name}: the decoder finds it {want}", line)
            if jsonschema is None:
                skip(f"{name}: the schema finds it {want}", "python3-jsonschema is not installed")
                continue
            with open(path, encoding="utf-8") as f:
                try:
                    why = valid(config, json.load(f))
                except ValueError as e:
                    why = str(e)
            result((why is None) == (want == "good"), f"{name}: the schema finds it {want}", why)
    for path in sorted(glob.glob(os.path.join(SRC, "bundles/*/config.json"))):
        name = os.path.relpath(path, SRC)
        if jsonschema is None:
            skip(f"{name} fits the schema", "python3-jsonschema is not installed")
            continue
        with open(path, encoding="utf-8") as f:
            why = valid(config, json.load(f))
        result(why is None, f"{name} fits the schema", why)


def run(*args):
    """Output of runbox as a document."""
    return json.loads(subprocess.run([RUNBOX, *args], check=True, stdout=subprocess.PIPE, text=True).stdout)


def test_output():
    """What runbox prints fits the schemas: features, and the plan of each bundle on each layout."""
    bundles = sorted(glob.glob(os.path.join(SRC, "bundles/*/config.json")))
    checks = [("features", "features", ["features"])]
    checks += [("plan", f"plan of {os.path.basename(os.path.dirname(b))} on {layout}",
                ["plan", "--format", "json", "--assume", layout, "--bundle", os.path.dirname(b)])
               for b in bundles for layout in ("v1", "hybrid", "v2")]
    for schema, name, args in checks:
        if jsonschema is None:
            skip(f"{name} fits the schema", "python3-jsonschema is not installed")
            continue
        try:
            why = valid(load(schema), run(*args))
        except (OSError, ValueError, subprocess.CalledProcessError) as e:
            why = e
        result(why is None, f"{name} fits the schema", why)


test_fields()
test_metaschema()
test_examples()
test_output()
print(f"1..{count}")
raise SystemExit(1 if failed else 0)
